"""What is done, line by line on stderr, as Compose shows it where there is no terminal."""

from __future__ import annotations

from sampan.cli import console

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.session import Session
    from sampan.compose.apply import Report


def report(session: Session) -> Report:
    """` Container web-1  Started`."""
    style = session.group["progress"]
    if style == "quiet":
        return lambda kind, name, state: None
    if style == "json":
        return _json
    return _plain


def _plain(kind: str, name: str, state: str) -> None:
    console.error(f" {kind} {name}  {state} ")


def _json(kind: str, name: str, state: str) -> None:
    from sampan.wire import json

    console.error(json.dumps({"id": f"{kind} {name}", "status": state}))
