"""The scripts: each asks `PROGRAM __complete` and shows what it says. `NAME` becomes the program's name."""

from __future__ import annotations

BASH = r"""# bash completion for NAME: . <(NAME completion bash)
_NAME_complete() {
    local line=${COMP_LINE:0:COMP_POINT} piece=${COMP_WORDS[COMP_CWORD]} words value directive=0 prefix
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    # Readline takes a new word behind : and =; what stands before it is there already.
    [[ $piece == [:=] ]] && piece=
    prefix=${words[-1]%"$piece"}
    COMPREPLY=()
    while IFS=$'\t' read -r value _; do
        if [[ $value =~ ^:[0-9]+$ ]]; then
            directive=${value#:}
        else
            COMPREPLY+=("${value#"$prefix"}")
        fi
    done < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
    ((directive & 2)) && compopt -o nospace
    if ((${#COMPREPLY[@]} == 0 && !(directive & 4))); then
        compopt -o default
    fi
}
complete -F _NAME_complete NAME
"""

ZSH = r"""#compdef NAME
# zsh completion for NAME: source <(NAME completion zsh)
_NAME() {
    local -a lines found
    local line value directive=0
    lines=("${(@f)$(${words[1]} __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    for line in "${lines[@]}"; do
        if [[ $line == :<-> ]]; then
            directive=${line#:}
        elif [[ -n $line ]]; then
            value=${line%%$'\t'*}
            found+=("${value//:/\\:}${${line#$value}/$'\t'/:}")
        fi
    done
    [[ ${words[CURRENT]} == --*=* ]] && compset -P '*='
    if ((${#found})); then
        if ((directive & 2)); then
            _describe NAME found -S ''
        else
            _describe NAME found
        fi
    elif ((!(directive & 4))); then
        _files
    fi
}
if [[ ${funcstack[1]} == _NAME ]]; then
    _NAME
else
    compdef _NAME NAME
fi
"""

FISH = r"""# fish completion for NAME: NAME completion fish | source
function __NAME_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program $words[1]
    set -e words[1]
    set -l prefix (string match -r -- '^--[^=]*=' $current)
    set -q prefix[1]; or set prefix ''
    set -l directive 0
    set -l found
    for line in ($program __complete $words "$current" 2>/dev/null)
        if string match -qr -- '^:[0-9]+$' $line
            set directive (string sub -s 2 -- $line)
        else
            set -a found $line
        end
    end
    if test (count $found) -gt 0
        printf '%s\n' $prefix$found
    else if test (math "floor($directive / 4) % 2") -eq 0
        __fish_complete_path $current
    end
end
complete -c NAME -f -a '(__NAME_complete)'
"""

SCRIPTS = {"bash": BASH, "fish": FISH, "zsh": ZSH}
