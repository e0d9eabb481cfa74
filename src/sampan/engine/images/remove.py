"""`rmi`: take a name away, or an image with all its names, as moby's daemon/images/image_delete.go decides
it."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from sampan.engine.images import resolve
from sampan.engine.images.images import Image, Images, familiar
from sampan.errors import Conflict, NotFound
from sampan.oci import digest as digests
from sampan.oci import reference as references
from sampan.oci.reference import Reference


class User(NamedTuple):
    """A container that was made from an image."""

    container_id: str
    running: bool


class Removed(NamedTuple):
    """One line of the answer: a name, or the id of an image or the chain id of a layer."""

    untagged: str = ""
    deleted: str = ""


InUse = Callable[[str], Sequence[User]]
_Name = tuple[str, str]  # canonical repository; tag or digest


def remove(images: Images, name_or_id: str, in_use: InUse, *, force: bool = False) -> list[Removed]:
    """Raises NotFound, Conflict in Docker's words. Layers that a container holds stay until it is gone."""
    with images.store.commit_lock:
        image = resolve.find(images, name_or_id)
        users = in_use(image.id)
        if _is_id(images, image, name_or_id):
            return _remove_id(images, image, users, force=force)
        return _remove_name(
            images, image, references.parse(name_or_id).with_default_tag(), users, force=force
        )


def _is_id(images: Images, image: Image, text: str) -> bool:
    """Whether `text` is an id of it or the beginning of one, and no name that only looks like one."""
    prefix = text.removeprefix("sha256:")
    if not any(one[7:].startswith(prefix) for one in images.records.ids_of(image.id)):
        return False
    return text not in (name.rpartition(":")[0] for name in image.repo_tags)


def _remove_name(
    images: Images, image: Image, name: Reference, users: Sequence[User], *, force: bool
) -> list[Removed]:
    if not force and _is_single(image) and users:
        raise Conflict(
            f'conflict: unable to remove repository reference "{name.familiar}" (must force) - container '
            f"{users[0].container_id[:12]} is using its referenced image {image.id[7:19]}"
        )
    tags, names = _taken(image, name)
    if not tags and not names:  # the image `host` before it was ever used
        raise NotFound(f"No such image: {name.familiar}")
    images.records.untag(image.id, tags, names)
    removed = _untagged(tags, names)
    if len(tags) + len(names) < len(image.row.tags) + len(image.row.digests) or image.is_host:
        return removed
    conflict = _conflict(image, users, force=force, referenced=False)
    if conflict is not None:  # in use: the name is gone, and that is all
        return removed
    return removed + _delete(images, image)


def _taken(image: Image, name: Reference) -> tuple[list[_Name], list[_Name]]:
    """With the last tag of a repository go its digests, which nobody gave by hand."""
    if name.digest:
        return [], [(name.repository, name.digest)]
    tag = (name.repository, name.tag or references.DEFAULT_TAG)
    tags = [tag] if tag in image.row.tags else []
    if any(other != tag and other[0] == name.repository for other in image.row.tags):
        return tags, []
    return tags, [digest for digest in image.row.digests if digest[0] == name.repository]


def _remove_id(images: Images, image: Image, users: Sequence[User], *, force: bool) -> list[Removed]:
    conflict = _conflict(image, users, force=force, referenced=not _is_single(image))
    if conflict is not None:
        raise conflict
    removed = _untagged(image.row.tags, image.row.digests)
    if image.is_host:
        images.records.untag(image.id, image.row.tags, image.row.digests)
        return removed
    return removed + _delete(images, image)


def _conflict(image: Image, users: Sequence[User], *, force: bool, referenced: bool) -> Conflict | None:
    running = next((user for user in users if user.running), None)
    if running is not None:
        reason = f"image is being used by running container {running.container_id[:12]}"
        return Conflict(f"conflict: unable to delete {image.id[7:19]} (cannot be forced) - {reason}")
    reason = ""
    if referenced:
        reason = "image is referenced in multiple repositories"
    elif users:
        reason = f"image is being used by stopped container {users[0].container_id[:12]}"
    if force or not reason:
        return None
    return Conflict(f"conflict: unable to delete {image.id[7:19]} (must be forced) - {reason}")


def _is_single(image: Image) -> bool:
    """At most one tag, and digests of its repository only (moby's isSingleReference)."""
    if len(image.row.tags) + len(image.row.digests) <= 1:
        return True
    repositories = {repository for repository, _ in image.row.digests}
    return len(image.row.tags) <= 1 and len(repositories | {tag[0] for tag in image.row.tags}) == 1


def _untagged(tags: Iterable[_Name], names: Iterable[_Name]) -> list[Removed]:
    return [
        *(Removed(untagged=familiar(repository, tag=tag)) for repository, tag in sorted(tags)),
        *(Removed(untagged=familiar(repository, digest=digest)) for repository, digest in sorted(names)),
    ]


def _delete(images: Images, image: Image) -> list[Removed]:
    gone = set(images.records.delete(image.id))
    chains = chain_ids([layer.diff_id for layer in image.row.layers])
    layers = [
        Removed(deleted=chain)
        for layer, chain in zip(reversed(image.row.layers), reversed(chains), strict=True)
        if layer.diff_id in gone
    ]
    return [Removed(deleted=image.id), *layers]


def chain_ids(diff_ids: list[str]) -> list[str]:
    """What identifies each layer together with all below it (image-spec config.md, "Layer ChainID")."""
    chains: list[str] = []
    for diff_id in diff_ids:
        text = f"{chains[-1]} {diff_id}" if chains else ""
        chains.append(digests.of(text.encode()) if text else diff_id)
    return chains
