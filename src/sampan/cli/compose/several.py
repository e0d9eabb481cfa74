"""One request for each of several containers, all of them on their way before the first is waited for."""

from __future__ import annotations

from sampan.cli.compose import progress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sampan.cli.session import Session
    from sampan.client.connection import Client, Exchange
    from sampan.compose.observe import Container


def stop(session: Session, containers: Sequence[Container], timeout: int | None = None) -> None:
    """Dependents first, each behind its `pre_stop`."""
    from sampan.cli.compose import project
    from sampan.client.container import stop as request
    from sampan.compose import hooks, teardown

    known = project.whole(session)
    for level in teardown.levels(list(containers)):
        for item in level if not session.group["dry-run"] else ():
            hooks.pre_stop(session.client, known, item.name)
        ask(
            session,
            level,
            ("Stopping", "Stopped"),
            lambda client, item: request.begin(client, item.id, timeout),
        )


def ask(
    session: Session,
    containers: Sequence[Container],
    words: tuple[str, str],
    begin: Callable[[Client, Container], Exchange],
) -> None:
    """`words`: what is said before and after. Every answer is waited for; then the first error is raised."""
    from sampan.errors import SampanError

    say = progress.report(session)
    if session.group["dry-run"]:
        for item in containers:
            say("Container", item.name, words[0])
        return
    asked = []
    for item in containers:
        say("Container", item.name, words[0])
        asked.append((item, begin(session.client, item)))
    failure: SampanError | None = None
    for item, exchange in asked:
        try:
            exchange.result()
            say("Container", item.name, words[1])
        except SampanError as error:
            say("Container", item.name, f"Error {error}")
            failure = failure or error
    if failure is not None:
        raise failure
