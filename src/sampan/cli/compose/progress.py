"""What is done, on stderr, in the manner of `--progress`: lines drawn in place on a terminal, plain ones
elsewhere."""

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
    if style in ("json", "rawjson"):
        return _json
    if style == "tty" or (style == "auto" and _draws(session)):
        if session.display is None:
            from sampan.cli.compose.progress_live import Live

            colour = session.group["ansi"] != "never" and not console.environment("NO_COLOR")
            session.display = Live(console.STDERR, session.command, colour=colour)
        return session.display
    return plain


def settle(session: Session) -> None:
    """Before anybody else writes on the terminal: what is drawn there stays."""
    if session.display is not None:
        session.display.settle()


def steady(session: Session, otherwise: Report) -> Report:
    """For what is told between the output of containers: nothing that is drawn in place."""
    settle(session)
    return otherwise if session.display is None else plain


def plain(kind: str, name: str, state: str) -> None:
    console.error(f" {kind} {name}  {state} ")


def _draws(session: Session) -> bool:
    """As Compose has it: no control characters, no drawing."""
    ansi = session.group["ansi"]
    return ansi == "always" or (ansi == "auto" and console.is_terminal(console.STDERR))


def _json(kind: str, name: str, state: str) -> None:
    from sampan.cli.compose.progress_live import status_of
    from sampan.wire import json

    console.error(json.dumps({"id": f"{kind} {name}", "text": state, "status": status_of(state)}))
