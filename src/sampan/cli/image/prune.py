"""`sampan image prune`."""

from __future__ import annotations

from sampan.cli import pruning
from sampan.cli.flags import filters
from sampan.client.image.prune import prune

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS]"
SHORT = "Remove unused images"
ALIASES = ()
ARGUMENTS = (0, 0)
FLAGS = (
    ("all", "a", "bool", False, "Remove all unused images, not just dangling ones"),
    pruning.FILTER,
    pruning.FORCE,
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    wanted = with_dangling(filters(options["filter"]), every=options["all"])
    which = "all images without at least one container associated to them" if options["all"] else ""
    if options["force"] or pruning.agreed(f"This will remove {which or 'all dangling images'}."):
        answer = prune(session.client, wanted)
        pruning.tell("Images", lines(answer), answer["SpaceReclaimed"])
    return 0


def with_dangling(wanted: dict[str, list[str]], *, every: bool) -> dict[str, list[str]]:
    """Beside what the user says of it, as Docker's client does."""
    return {**wanted, "dangling": [*wanted.get("dangling", []), "false" if every else "true"]}


def lines(answer: dict[str, Any]) -> list[str]:
    """`untagged: x`, `deleted: sha256:…`."""
    return [
        f"{word.lower()}: {item[word]}"
        for item in answer.get("ImagesDeleted") or ()
        for word in ("Untagged", "Deleted")
        if item.get(word)
    ]
