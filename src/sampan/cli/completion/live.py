"""Candidates that the daemon knows: one request, to a daemon that runs; none is started for it."""

from __future__ import annotations

from sampan.cli.completion.candidates import CAPABILITIES, FILES, FIXED, NO_FILES, NO_SPACE, PATHS
from sampan.errors import SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sampan.cli.completion.candidates import Candidates
    from sampan.cli.flags import Flag, Values
    from sampan.cli.session import Session

_RUNNING = ("running",)
_STOPPED = ("created", "exited", "dead")
_ANY: tuple[str, ...] = ()
# container verbs → (states that it can act on, whether it takes several)
_CONTAINERS = {
    "attach": (_RUNNING, False),
    "commit": (_ANY, False),
    "diff": (_ANY, False),
    "exec": (_RUNNING, False),
    "export": (_ANY, False),
    "inspect": (_ANY, True),
    "kill": (_RUNNING, True),
    "logs": (_ANY, False),
    "pause": (_RUNNING, True),
    "port": (_RUNNING, False),
    "rename": (_ANY, False),
    "restart": (_ANY, True),
    "rm": (_ANY, True),
    "start": (_STOPPED, True),
    "stats": (_RUNNING, True),
    "stop": (("running", "paused"), True),
    "top": (_RUNNING, False),
    "unpause": (("paused",), True),
    "update": (_ANY, True),
    "wait": (_ANY, True),
}
_IMAGES = {
    **dict.fromkeys(("container.run", "container.create", "image.history", "image.push", "image.tag"), False),
    **dict.fromkeys(("image.inspect", "image.rmi", "image.save"), True),
}
_FILES = ("container.cp", "image.import_", "image.load", "image.build", "shim.install", "shim.remove")


def of_argument(options: Values, path: str, before: Sequence[str]) -> Candidates:  # noqa: PLR0911 (one a kind)
    """What stands behind the arguments `before` of the verb at `path`."""
    group, _, verb = path.rpartition(".")
    position = len(before)
    if group == "container" and verb in _CONTAINERS:
        states, several = _CONTAINERS[verb]
        if position and not several:
            return [], FILES if verb == "exec" else NO_FILES
        return _asked(options, lambda session: _containers(session, states), before)
    if path in _IMAGES:
        return _asked(options, _images, before) if not position or _IMAGES[path] else ([], NO_FILES)
    if path == "system.inspect":
        return _asked(options, _anything, before)
    if group in _NAMED and verb in ("inspect", "rm", "connect", "disconnect"):
        if position and verb in ("connect", "disconnect"):
            return _asked(options, lambda session: _containers(session, _ANY), before)
        return _asked(options, _NAMED[group], before)
    if group == "context" and verb in ("use", "rm", "inspect", "update", "export"):
        return _contexts(options, before) if not position or verb in ("rm", "inspect") else ([], FILES)
    if path == "completion.script":
        return [(shell, "") for shell in ("bash", "fish", "zsh")], NO_FILES
    return [], FILES if path in _FILES or group == "context" else NO_FILES


def of_flag(options: Values, flag: Flag) -> Candidates:  # noqa: PLR0911 (one for each kind of value)
    """What `--flag` takes."""
    name = flag[0]
    if name == "network":
        return _asked(options, _networks, ())
    if name == "volumes-from":
        return _asked(options, lambda session: _containers(session, _ANY), ())
    if name == "context":
        return _contexts(options, ())
    if name in ("cap-add", "cap-drop"):
        return [(capability, "") for capability in CAPABILITIES], NO_FILES
    if name in ("env", "build-arg"):
        import posix

        return [(variable.decode("utf-8", "replace"), "") for variable in posix.environ], NO_SPACE | NO_FILES
    if name in FIXED:
        return [(value, "") for value in FIXED[name]], NO_FILES
    return [], FILES if name in PATHS else NO_FILES


def _asked(
    options: Values, question: Callable[[Session], list[tuple[str, str]]], before: Sequence[str]
) -> Candidates:
    from sampan.cli.console import ExitWith
    from sampan.cli.session import Session

    try:
        found = question(Session(options, "__complete", autostart=False))
    except (SampanError, OSError, ExitWith, ValueError):
        return [], NO_FILES
    return [(name, text) for name, text in found if name not in before], NO_FILES


def _containers(session: Session, states: Sequence[str]) -> list[tuple[str, str]]:
    from sampan.client.container.ps import ps

    rows = ps(session.client, all=states != _RUNNING)
    return [
        (min(row["Names"], key=len).lstrip("/"), str(row["Image"]))
        for row in rows
        if row["Names"] and (not states or row["State"] in states)
    ]


def _images(session: Session) -> list[tuple[str, str]]:
    from sampan.client.image.images import images

    names = [
        name for row in images(session.client, all=False, wanted={}) for name in row.get("RepoTags") or ()
    ]
    return [(name, "") for name in names if name != "<none>:<none>"]


def _networks(session: Session) -> list[tuple[str, str]]:
    from sampan.client.network.ls import ls

    return [(row["Name"], str(row["Driver"])) for row in ls(session.client, {})]


def _volumes(session: Session) -> list[tuple[str, str]]:
    from sampan.client.volume.ls import ls

    return [(row["Name"], "") for row in ls(session.client, {}).get("Volumes") or ()]


_NAMED = {"network": _networks, "volume": _volumes}


def _anything(session: Session) -> list[tuple[str, str]]:
    containers = _containers(session, _ANY)
    return [*containers, *_images(session), *_networks(session), *_volumes(session)]


def _contexts(options: Values, before: Sequence[str]) -> Candidates:
    from sampan.cli.context import store

    try:
        names = store.of(options["config"]).names()
    except (SampanError, OSError):
        names = []
    return [(name, "") for name in [store.DEFAULT, *names] if name not in before], NO_FILES
