"""Build checks: what works and was probably not meant (`docker build --check`).

Names and sentences are BuildKit's. `# check=skip=NAME,…;error=true` at the top of the file chooses.
"""

from collections.abc import Iterator

from sampan.build import instructions as ins
from sampan.build.graph import Warned
from sampan.build.instructions import Dockerfile
from sampan.build.lexer import Finding

_SECRETS = (
    "apikey",
    "auth",
    "credential",
    "credentials",
    "key",
    "password",
    "pword",
    "passwd",
    "secret",
    "token",
)
_INNOCENT = ("public",)


def check(dockerfile: Dockerfile, findings: list[Finding], found: list[Warned]) -> list[Warned]:
    """All warnings in the order of their lines, without those that the file asks to skip."""
    everything = [*found, *(Warned(*one) for one in findings), *_static(dockerfile)]
    skipped = _skipped(dockerfile)
    if "all" in skipped:
        return []
    kept = [one for one in everything if one.rule not in skipped]
    return sorted(kept, key=lambda one: (one.span.first, one.rule))


def are_errors(dockerfile: Dockerfile) -> bool:
    return _directive(dockerfile).get("error", "").lower() == "true"


def _directive(dockerfile: Dockerfile) -> dict[str, str]:
    pairs = (part.partition("=") for part in dockerfile.directives.get("check", "").split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _skipped(dockerfile: Dockerfile) -> set[str]:
    return {name.strip() for name in _directive(dockerfile).get("skip", "").split(",") if name.strip()}


def _static(dockerfile: Dockerfile) -> Iterator[Warned]:
    yield from _names(dockerfile)
    yield from _casing(dockerfile)
    for stage in dockerfile.stages:
        yield from _repeated(stage)
        for one in stage.instructions:
            yield from _instruction(one)


def _names(dockerfile: Dockerfile) -> Iterator[Warned]:
    seen: set[str] = set()
    for stage in dockerfile.stages:
        start, words = stage.start, stage.start.place.text.split()
        if not start.name:
            continue
        written, keyword = words[-1], words[-2]
        if written != written.lower():
            yield Warned("StageNameCasing", f"Stage name '{written}' should be lowercase", start.place.span)
        if keyword.isupper() != words[0].isupper():
            told = f"'{keyword}' and '{words[0]}' keywords' casing do not match"
            yield Warned("FromAsCasing", told, start.place.span)
        if start.name in seen:
            told = f'Duplicate stage name "{start.name}", stage names should be unique'
            yield Warned("DuplicateStageName", told, start.place.span)
        if start.name in ("scratch", "context"):
            told = f'Stage name should not use the same name as reserved stage "{start.name}"'
            yield Warned("ReservedStageName", told, start.place.span)
        seen.add(start.name)


def _casing(dockerfile: Dockerfile) -> Iterator[Warned]:
    places = [arg.place for arg in dockerfile.arguments]
    for stage in dockerfile.stages:
        places += [stage.start.place, *(one.place for one in stage.instructions)]
    words = [place.text.split(None, 1)[0] for place in places]
    upper = sum(word.isupper() for word in words)
    lower = sum(word.islower() for word in words)
    for word, place in zip(words, places, strict=True):
        wanted = word.lower() if lower > upper else word.upper()
        if word != wanted:
            kind = "lowercase" if lower > upper else "uppercase"
            told = f"Command '{word}' should match the case of the command majority ({kind})"
            yield Warned("ConsistentInstructionCasing", told, place.span)


def _repeated(stage: ins.Stage) -> Iterator[Warned]:
    """Only the last CMD, ENTRYPOINT and HEALTHCHECK of a stage counts."""
    for kind, name in ((ins.Cmd, "CMD"), (ins.Entrypoint, "ENTRYPOINT"), (ins.Healthcheck, "HEALTHCHECK")):
        places = [one.place for one in stage.instructions if isinstance(one, kind)]
        for place in places[:-1]:
            told = (
                f"Multiple {name} instructions should not be used in the same stage"
                " because only the last one will be used"
            )
            yield Warned("MultipleInstructionsDisallowed", told, place.span)


def _instruction(one: ins.Instruction) -> Iterator[Warned]:
    span = one.place.span
    if isinstance(one, ins.Cmd | ins.Entrypoint) and one.command.shell and one.command.words:
        name = "CMD" if isinstance(one, ins.Cmd) else "ENTRYPOINT"
        told = f"JSON arguments recommended for {name} to prevent unintended behavior related to OS signals"
        yield Warned("JSONArgsRecommended", told, span)
    elif isinstance(one, ins.Maintainer):
        told = "Maintainer instruction is deprecated in favor of using label"
        yield Warned("MaintainerDeprecated", told, span)
    elif isinstance(one, ins.Env | ins.Label) and one.legacy:
        name = "ENV" if isinstance(one, ins.Env) else "LABEL"
        told = f'"{name} key=value" should be used instead of legacy "{name} key value" format'
        yield Warned("LegacyKeyValueFormat", told, span)
    if isinstance(one, ins.Env | ins.Arg):
        for name, _ in one.pairs:
            if _is_secret(name):
                kind = "ENV" if isinstance(one, ins.Env) else "ARG"
                told = f'Do not use ARG or ENV instructions for sensitive data ({kind} "{name}")'
                yield Warned("SecretsUsedInArgOrEnv", told, span)


def _is_secret(name: str) -> bool:
    parts = name.lower().split("_")
    return any(part in _SECRETS for part in parts) and not any(part in _INNOCENT for part in parts)
