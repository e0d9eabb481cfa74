"""Which files a COPY or ADD means: patterns, `--parents`, `--exclude`."""

import posixpath
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sampan.build import patterns
from sampan.build.patterns import Matcher
from sampan.build.source import suggestion
from sampan.build.views import Found, View, resolve, walk
from sampan.errors import NotFound

_MATCHES = 1_000_000


class Selected(NamedTuple):
    """`name`: where it goes below the target, "" for a directory whose content goes there; `top`: the real
    file or directory."""

    top: Found
    name: str


def select(view: View, paths: Sequence[str], *, parents: bool) -> list[Selected]:
    """Raises NotFound for a path, but not for a pattern, that nothing is at."""
    found: list[Selected] = []
    for path in paths:
        if parents:
            found += _with_parents(view, path)
            continue
        cleaned = _cleaned(path)
        if patterns.has_wildcard(cleaned):
            found += [_named(*one) for one in _matching(view, cleaned)]
        else:
            cleaned = patterns.unescaped(cleaned)
            found.append(_named(_expected(view, cleaned, path), cleaned))
    return found


def _named(top: Found, path: str) -> Selected:
    return Selected(top, "" if top.is_directory else posixpath.basename(path))


def _cleaned(path: str) -> str:
    """Relative to the root of the tree; `..` ends there."""
    return patterns.clean("/" + path).strip("/")


def _expected(view: View, path: str, shown: str) -> Found:
    found = resolve(view, path)
    if found is None:
        above = resolve(view, posixpath.dirname(path))
        names = [name for name, _ in view.entries(above.path)] if above and above.is_directory else []
        near = suggestion(posixpath.basename(path), names[:10_000])
        raise NotFound(
            f"file not found in build context or excluded by .dockerignore: stat {shown}: file does not"
            f" exist{near}"
        )
    return found


def _matching(view: View, pattern: str) -> Iterator[tuple[Found, str]]:
    """(what is there, the path that matched) in the order of the names, part by part."""
    if "**" in pattern:
        matches = patterns.matcher(pattern)
        for found in walk(view, ""):
            if matches(found.path):
                real = resolve(view, found.path)
                if real is not None:
                    yield real, found.path
        return
    places = [""]
    for part in pattern.split("/"):
        places = [below for here in places for below in _inside(view, here, part)][:_MATCHES]
    for here in places:
        real = resolve(view, here)
        if real is not None:
            yield real, here


def _inside(view: View, here: str, part: str) -> list[str]:
    above = resolve(view, here)
    if above is None or not above.is_directory:
        return []
    prefix = f"{here}/" if here else ""
    if not patterns.has_wildcard(part):
        below = prefix + patterns.unescaped(part)
        return [below] if resolve(view, below) is not None else []
    return [prefix + name for name in patterns.matches(part, [name for name, _ in view.entries(above.path)])]


def _with_parents(view: View, path: str) -> list[Selected]:
    """`a/b/c` keeps its directories, those after `/./` only if there is one."""
    base, pivot, rest = path.partition("/./")
    if not pivot:
        base, rest = "", path
    base, rest = _cleaned(base), _cleaned(rest)
    whole = f"{base}/{rest}".strip("/")
    if patterns.has_wildcard(whole):
        matched = list(_matching(view, whole))
    else:
        whole = patterns.unescaped(whole)
        matched = [(_expected(view, whole, path), whole)]
    cut = base.count("/") + 1 if base else 0
    return [Selected(top, "/".join(one.split("/")[cut:])) for top, one in matched]


def entries(view: View, one: Selected, excluded: Matcher | None) -> list[Found]:
    """The selected file, or directory with all that is in it and not excluded."""
    top = one.top
    if not top.is_directory:
        name = posixpath.basename(one.name)
        return [] if excluded is not None and excluded.excludes(name) else [top]
    if excluded is None:
        return [top, *walk(view, top.path)]
    cut = len(top.path) + 1 if top.path else 0
    kept = [found for found in walk(view, top.path) if _is_kept(excluded, found, found.path[cut:])]
    return [top, *kept]


def _is_kept(excluded: Matcher, found: Found, name: str) -> bool:
    return not excluded.excludes(name) or (found.is_directory and excluded.may_keep_below(name))
