"""`image prune`: images without a tag, or with `-a` all that no container was made from."""

from sampan.engine.images.images import Image, Images, image_of
from sampan.engine.images.remove import InUse, Removed, remove
from sampan.engine.prune_filters import FILTERS as COMMON
from sampan.engine.prune_filters import Pruned, parse
from sampan.errors import Conflict, InvalidArgument, NotFound

FILTERS = COMMON | {"dangling"}
_NO = ("0", "false", "f")
_YES = ("1", "true", "t")


class Outcome:
    """Lines as `rmi` has them, by image; bytes of layers that are gone."""

    def __init__(self) -> None:
        self.removed: list[tuple[str, list[Removed]]] = []
        self.space = 0


def prune(images: Images, filters: dict[str, list[str]], in_use: InUse, now: int) -> Outcome:
    """Calm. What is in use, by a container or by a pull or a push at work, stays. Raises InvalidArgument."""
    dangling_only = _dangling(filters.get("dangling", []))
    wanted = parse(filters, now)
    outcome = Outcome()
    for row in images.records.all():
        image = image_of(row)
        if row.host or not _goes(image, wanted, dangling_only=dangling_only):
            continue
        with images.store.commit_lock:  # nobody gives it a name or makes a container's record meanwhile
            if in_use(image.id):
                continue
            before = images.records.layers_size()
            _remove(images, image, in_use, outcome)
            outcome.space += before - images.records.layers_size()
    return outcome


def _dangling(values: list[str]) -> bool:
    for value in values:
        if value.lower() not in (*_YES, *_NO):
            raise InvalidArgument(f"invalid filter 'dangling={value}'")
    return not values or values[0].lower() in _YES


def _goes(image: Image, wanted: Pruned, *, dangling_only: bool) -> bool:
    if dangling_only and image.repo_tags:
        return False
    return wanted.matches(int(image.created * 1e9), image.config.run.Labels or {})


def _remove(images: Images, image: Image, in_use: InUse, outcome: Outcome) -> None:
    names = [*image.repo_tags, *image.repo_digests] or [image.id]
    lines: list[Removed] = []
    for name in names:
        try:
            lines += remove(images, name, in_use)
        except (Conflict, NotFound):  # the last tag took its digests along
            continue
    if lines:
        outcome.removed.append((image.id, lines))
