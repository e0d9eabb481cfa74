"""`RUN --mount`: what each of them is on this machine."""

import asyncio
import contextlib
import errno
import hashlib
import os
import posixpath
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence

from sampan.build import select
from sampan.build.graph import BoundMount, Local, Run
from sampan.build.instructions import Mount
from sampan.build.select import Selected
from sampan.build.views import View, resolve
from sampan.build.writing import LayerWriter, Rules
from sampan.engine.builds.builds import Builds
from sampan.engine.builds.context import Contexts
from sampan.engine.builds.request import Request
from sampan.engine.builds.run import Place
from sampan.engine.builds.threads import in_thread
from sampan.engine.containers.config import Ownership
from sampan.engine.containers.record import MountPoint
from sampan.engine.engine import Engine
from sampan.engine.subids import Remap
from sampan.errors import InvalidArgument, NotFound

_SECRETS_LIMIT = 500 << 10  # bytes, as in BuildKit
Viewed = Callable[[BoundMount], View]  # the files that a mount's content is; closed by whoever asked


class Mounting:
    """The mounts of one RUN. `private`: a directory in memory for secrets and the script; `remap`: of the ids
    of the RUN."""

    def __init__(
        self,
        engine: Engine,
        builds: Builds,
        request: Request,
        contexts: Contexts,
        *,
        workspace: str,
        private: str,
        remap: Remap | None,
    ) -> None:
        self._engine = engine
        self._builds = builds
        self._request = request
        self._contexts = contexts
        self._workspace = workspace
        self._private = private
        self._remap = remap

    @contextlib.asynccontextmanager
    async def open(self, node: Run, viewed: Viewed) -> AsyncIterator[Place]:
        mounts: list[MountPoint] = []
        environment: list[str] = []
        async with contextlib.AsyncExitStack() as stack:
            for index, bound in enumerate(node.mounts):
                if bound.mount.type == "cache":
                    source = await stack.enter_async_context(self._cache(bound, viewed))
                    mounts.append(_bind(source, bound.mount, writable=bound.mount.writable is not False))
                    continue
                found, added = await in_thread(self._one, bound, viewed, index)
                mounts += found
                environment += added
            if node.script is not None:
                mounts.append(await in_thread(self._script, node.script))
            yield Place(mounts, environment)

    def _one(self, bound: BoundMount, viewed: Viewed, index: int) -> tuple[list[MountPoint], list[str]]:
        mount = bound.mount
        if mount.type == "bind":
            return [self._content(bound, viewed, index)], []
        if mount.type == "tmpfs":
            options = ["nosuid", "nodev"] + ([f"size={mount.size}"] if mount.size else [])
            return [MountPoint("tmpfs", "", mount.target, options=options)], []
        if mount.type == "secret":
            return self._secret(mount, index)
        return self._ssh(mount, index)

    # Files of stages, images and contexts

    def _content(self, bound: BoundMount, viewed: Viewed, index: int) -> MountPoint:
        """The context itself where it can be shown as it is; otherwise a copy, whose changes are nobody's."""
        mount = bound.mount
        writable = bool(mount.writable)
        if isinstance(bound.content, Local) and not writable and self._remap is None:
            directory = self._contexts.plain_path(bound.content.name)
            if directory is not None:
                with contextlib.closing(viewed(bound)) as view:
                    found = resolve(view, mount.source)
                if found is None:
                    raise _not_found(mount)
                return _bind(posixpath.join(directory, found.path).rstrip("/"), mount, writable=False)
        directory = os.path.join(self._workspace, f"mount-{index}")
        name = self._copied(bound, viewed, directory, links=not writable)
        return _bind(posixpath.join(directory, "diff", name).rstrip("/"), mount, writable=writable)

    def _copied(self, bound: BoundMount, viewed: Viewed, directory: str, *, links: bool) -> str:
        diff = os.path.join(directory, "diff")
        os.makedirs(diff)
        writer = LayerWriter(diff, [], (), self._engine.images.store.free())
        with contextlib.closing(viewed(bound)) as view, contextlib.closing(writer):
            found = resolve(view, bound.mount.source)
            if found is None:
                raise _not_found(bound.mount)
            trusted = not isinstance(bound.content, Local)
            entries = select.entries(view, Selected(found, ""), None)
            target = "" if found.is_directory else posixpath.basename(found.path)
            writer.copy(view, entries, target, Rules(links=links and trusted, devices=trusted))
        return target

    # Caches

    @contextlib.asynccontextmanager
    async def _cache(self, bound: BoundMount, viewed: Viewed) -> AsyncIterator[str]:
        mount, busy = bound.mount, self._builds.busy
        name = hashlib.sha256(mount.identity.encode()).hexdigest()
        async with contextlib.AsyncExitStack() as stack:
            if mount.sharing == "locked":
                lock = self._builds.mounts.setdefault(name, asyncio.Lock())
                await stack.enter_async_context(lock)
            if mount.sharing == "private":
                name = next(one for one in _instances(name) if not busy.get(one))
            busy[name] = busy.get(name, 0) + 1
            try:
                yield await in_thread(self._cache_directory, name, bound, viewed)
            finally:
                busy[name] -= 1
                if not busy[name]:
                    del busy[name]

    def _cache_directory(self, name: str, bound: BoundMount, viewed: Viewed) -> str:
        """Its name is a digest of the id, which may be anything (CVE-2024-9675)."""
        base = f"{self._engine.settings.data_root}/build/mounts"
        path = f"{base}/{name}"
        if not os.path.isdir(path):
            os.makedirs(base, mode=0o700, exist_ok=True)
            fresh = tempfile.mkdtemp(prefix="cache-", dir=self._workspace)
            if bound.content is not None:
                self._copied(bound, viewed, fresh, links=False)
            else:
                os.mkdir(f"{fresh}/diff")
            mount = bound.mount
            os.chown(f"{fresh}/diff", mount.uid, mount.gid)
            os.chmod(f"{fresh}/diff", 0o755 if mount.mode is None else mount.mode)
            try:
                os.rename(fresh, path)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
                # Another step was first with it; this one goes with the workspace.
        self._note(name, bound.mount)
        return f"{path}/diff"

    def _note(self, name: str, mount: Mount) -> None:
        now = time.time()
        with self._engine.images.store.database.transaction() as sql:
            sql.execute(
                "INSERT INTO cache_mounts VALUES (?, ?, ?, ?, 1) ON CONFLICT (directory) DO UPDATE"
                " SET used = excluded.used, uses = uses + 1",
                (name, f"cached mount {mount.target} with id {mount.identity}", now, now),
            )

    # What is nobody's business afterwards

    def _secret(self, mount: Mount, index: int) -> tuple[list[MountPoint], list[str]]:
        secret = self._request.secrets.get(mount.identity)
        if secret is None:
            if mount.required:
                raise InvalidArgument(f"secret {mount.identity}: not found")
            return [], []
        if len(secret.data) > _SECRETS_LIMIT:
            raise InvalidArgument(f"invalid secret size {len(secret.data)}")
        environment = []
        if mount.variable:
            value = secret.data.decode("utf-8", "surrogateescape")
            if "\0" in value:
                raise InvalidArgument(
                    f"secret {mount.identity} cannot be an environment variable: it has a NUL byte"
                )
            environment.append(f"{mount.variable}={value}")
        if not mount.target:
            return [], environment
        path = os.path.join(self._private, f"secret-{index}")
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:
            file.write(secret.data)
            self._give(fd, mount.uid, mount.gid)
            os.fchmod(fd, 0o400 if mount.mode is None else mount.mode)
        secret_file = MountPoint("bind", path, mount.target, writable=False, recursive=False)
        return [secret_file], environment

    def _give(self, fd: int, uid: int, gid: int) -> None:
        """A file of a file system in memory, which may know no idmapped mounts (before Linux 6.3)."""
        if self._remap is not None:
            uid, gid = self._remap.outside(uid, gid)
        os.fchown(fd, uid, gid)

    def _ssh(self, mount: Mount, index: int) -> tuple[list[MountPoint], list[str]]:
        path = self._request.ssh.get(mount.identity)
        if path is None:
            if mount.required:
                raise InvalidArgument(f"unset ssh forward key {mount.identity}")
            return [], []
        target = mount.target or f"/run/buildkit/ssh_agent.{index}"
        agent = MountPoint("bind", path, target, recursive=False, ownership=Ownership(idmap=""))
        return [agent], [f"SSH_AUTH_SOCK={target}"]

    def _script(self, script: tuple[str, str]) -> MountPoint:
        directory = os.path.join(self._private, "pipes")
        os.mkdir(directory, 0o755)
        path = os.path.join(directory, script[0])
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o755)
        with open(fd, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(script[1])
            os.fchmod(fd, 0o755)
            self._give(fd, 0, 0)
        return MountPoint("bind", directory, "/dev/pipes", writable=False, recursive=False)


def _instances(name: str) -> Sequence[str]:
    return [name, *(f"{name}-{number}" for number in range(1, 1000))]


def _bind(source: str, mount: Mount, *, writable: bool) -> MountPoint:
    """The owners on the disk are those inside, also where a RUN has other ids on this machine."""
    return MountPoint(
        "bind",
        source,
        mount.target,
        writable=writable,
        recursive=False,
        ownership=Ownership(idmap=""),
    )


def _not_found(mount: Mount) -> NotFound:
    return NotFound(f'failed to calculate checksum of ref: "{mount.source or "/"}": not found')
