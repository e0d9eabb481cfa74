"""Keys of the build cache: digests of everything that a step depends on, and of nothing else."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from sampan.build.graph import BoundMount, Copy, MakeDirectory, Run

_VERSION = 1  # of what a step does with its inputs; a change of that starts a new cache


def _digest(*parts: Any) -> str:
    text = json.dumps([_VERSION, *parts], separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def scratch(platform: str) -> str:
    return _digest("scratch", platform)


def image(identity: str, platform: str, extra: Sequence[str] = ()) -> str:
    return _digest("image", identity, platform, list(extra))


def directory(node: MakeDirectory, parent: str, epoch: int | None) -> str:
    return _digest("mkdir", parent, node.path, node.user, epoch)


def run(node: Run, parent: str, contents: Iterable[tuple[BoundMount, str]], epoch: int | None) -> str:
    """`contents`: the mounts with the key of what is in them. Secrets, ssh and caches count by what they are
    called, not by what they hold; proxies not at all."""
    mounts = [[_mount(bound), key] for bound, key in contents]
    return _digest(
        "run", parent, node.arguments, sorted(node.environment), node.directory, node.user, node.network,
        node.security, node.script, mounts, epoch,
    )  # fmt: skip


def _mount(bound: BoundMount) -> list[Any]:
    mount = bound.mount
    return [mount.type, mount.target, mount.source, mount.identity, mount.writable, mount.size, mount.mode,
            mount.uid, mount.gid, mount.variable]  # fmt: skip


def copy(node: Copy, parent: str, contents: Sequence[str], epoch: int | None) -> str:
    """`contents`: of each source, what it is: a digest of files, or the key of the step that makes them. With
    `--link` the layer is the same on top of anything (see `linked`)."""
    parent = "" if is_free(node) else parent
    sources = [[list(source.paths) if node.parents else [], source.unpack] for source in node.sources]
    return _digest(
        "copy", parent, node.target, node.chown, node.chmod, node.exclude, node.parents, node.add, sources,
        list(contents), epoch,
    )  # fmt: skip


def is_free(node: Copy) -> bool:
    """Whether a COPY or ADD reads nothing of what is below it: `--link`, and no names to be looked up."""
    return node.link and (not node.chown or node.chown.replace(":", "").isdecimal())


def linked(parent: str, key: str) -> str:
    """For what comes on top of a layer whose own key does not have what is below."""
    return _digest("linked", parent, key)


def step_of(key: str, paths: Sequence[str]) -> str:
    """Files of a step, named by the step's own key."""
    return _digest("of", key, list(paths))


def files(digests: Sequence[tuple[str, str]]) -> str:
    """Files by content: (name in the target, digest)."""
    return _digest("files", [list(one) for one in digests])


def fetched(kind: str, *parts: str) -> str:
    return _digest("fetched", kind, *parts)
