"""Files into a new layer, on top of the layers below.

The layer is an overlay's future lower directory, so what it says of a directory hides what the lower ones
say: directories on the way are copied up with their owner and mode. The target's links are followed
inside the image; everything is created relative to descriptors, exclusively, and without following links.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Sequence
from typing import NamedTuple

from sampan.build import owners
from sampan.build.owners import Owner
from sampan.build.views import Found, LayersView, View, open_file, place, read_link
from sampan.errors import InvalidArgument
from sampan.storage.remove import remove_at

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_SMALL = 1 << 18
_CHUNK = 1 << 24


class Rules(NamedTuple):
    """How files look in the layer. `owner` None: as in the source. `links`: the source's files never change,
    and may be shared (hard links). `moves`: the source is ours and vanishes. `follow`: directories of the
    source may go through links of the target (archives). `epoch`: no time is later (nanoseconds)."""

    owner: Owner | None = None
    chmod: str = ""
    links: bool = False
    moves: bool = False
    follow: bool = False
    devices: bool = False
    epoch: int | None = None


class LayerWriter:
    """`diff`: the layer's directory; `lower`: those below, top first. `limit`: bytes that may be written."""

    def __init__(self, diff: str, lower: Sequence[str], masked: Sequence[str], limit: int) -> None:
        self._diff = diff
        self._lower = list(lower)
        self._masked = masked
        self.left = limit
        self._root = os.open(diff, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._times: list[tuple[str, int]] = []
        self._inodes: dict[tuple[int, int], str] = {}
        self.size = 0
        self.entries = 0

    def close(self) -> None:
        """The times of directories are set last: whatever is created in them changes them."""
        try:
            for path, time in reversed(self._times):
                with self._opened(path) as fd:
                    os.utime(fd, ns=(time, time))
        finally:
            os.close(self._root)

    # Where things are

    def view(self) -> LayersView:
        """What the image shows now; to be closed by the caller."""
        return LayersView([self._diff, *self._lower], self._masked)

    def target(self, path: str) -> tuple[str, os.stat_result | None]:
        """The real path of `path` in the image, and what is there."""
        with contextlib.closing(self.view()) as view:
            real = place(view, path)
            return real, view.lstat(real)

    def _opened(self, path: str) -> "_Borrowed":
        fd = self._root
        for part in path.split("/") if path else ():
            try:
                inner = os.open(part, _DIRECTORY, dir_fd=fd)
            finally:
                if fd != self._root:
                    os.close(fd)
            fd = inner
        return _Borrowed(fd, owned=fd != self._root)

    def make_directories(self, path: str, owner: Owner | None = None, epoch: int | None = None) -> bool:
        """The real `path` and its parents, as they are below, or new (0755). Whether any is new."""
        made = False
        with contextlib.closing(self.view()) as view:
            parts = path.split("/") if path else []
            for count in range(1, len(parts) + 1):
                made |= self._make_one(view, "/".join(parts[:count]), owner or Owner(0, 0), epoch)
        return made

    def _make_one(self, view: View, path: str, owner: Owner, epoch: int | None) -> bool:
        above, _, name = path.rpartition("/")
        with self._opened(above) as fd:
            with contextlib.suppress(FileNotFoundError):
                if stat.S_ISDIR(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode):
                    return False
                raise InvalidArgument(f"cannot copy to non-directory: /{path}")
            below = view.lstat(path)
            if below is not None and not stat.S_ISDIR(below.st_mode):
                raise InvalidArgument(f"cannot copy to non-directory: /{path}")
            os.mkdir(name, 0o700, dir_fd=fd)
            inner = os.open(name, _DIRECTORY, dir_fd=fd)
        try:
            if below is None:
                os.fchown(inner, *owner)
                os.fchmod(inner, 0o755)
                if epoch is not None:
                    self._times.append((path, epoch))
                return True
            self._copy_up(view, path, below, inner)
            return False
        finally:
            os.close(inner)

    def _copy_up(self, view: View, path: str, below: os.stat_result, fd: int) -> None:
        os.fchown(fd, below.st_uid, below.st_gid)
        os.fchmod(fd, stat.S_IMODE(below.st_mode))
        _copy_xattrs(view.directory(path), fd)
        self._times.append((path, below.st_mtime_ns))

    # Copying

    def copy(self, view: View, entries: Sequence[Found], target: str, rules: Rules) -> None:
        """`entries`: a file, or a directory and what is in it, parents first. The file becomes `target` (a
        real path), the directory's content goes into it."""
        top = entries[0]
        parent = target.rpartition("/")[0]
        if not top.is_directory:
            self.make_directories(parent, rules.owner, rules.epoch)
            self._fill(view, parent, [(target.rpartition("/")[2], top)], rules)
            return
        fresh = self.make_directories(target, rules.owner, rules.epoch)
        if fresh:
            self._dress(view, top, target, rules)
        self._tree(view, entries, target, rules, fresh=fresh)

    def _tree(self, view: View, entries: Sequence[Found], target: str, rules: Rules, *, fresh: bool) -> None:
        """Directory by directory: `places` maps the source's to the target's and whether they are new."""
        top = entries[0].path
        places: dict[str, tuple[str, bool]] = {top: (target, fresh)}
        inside: dict[str, list[tuple[str, Found]]] = {}
        for found in entries[1:]:
            above, _, name = found.path.rpartition("/")
            inside.setdefault(above, []).append((name, found))
        todo = [top]
        with contextlib.closing(self.view()) as image:
            while todo:
                source = todo.pop()
                here, new = places[source]
                files = []
                for name, found in inside.get(source, ()):
                    if found.is_directory:
                        places[found.path] = self._directory(
                            view, image, found, f"{here}/{name}".lstrip("/"), rules, fresh=new
                        )
                        todo.append(found.path)
                    else:
                        files.append((name, found))
                self._fill(view, here, files, rules, image=None if new else image)

    def _directory(
        self, view: View, image: View, found: Found, target: str, rules: Rules, *, fresh: bool
    ) -> tuple[str, bool]:
        below = None if fresh else image.lstat(target)
        if below is not None and stat.S_ISLNK(below.st_mode) and rules.follow:
            target = place(image, target)
            below = image.lstat(target)
        made = self.make_directories(target) if below is not None else self._new_directory(target)
        self._dress(view, found, target, rules)
        self.entries += 1
        return target, made

    def _new_directory(self, path: str) -> bool:
        above, _, name = path.rpartition("/")
        with self._opened(above) as fd, contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=fd)
            return True
        return False

    def _dress(self, view: View, found: Found, target: str, rules: Rules) -> None:
        status = found.status
        with self._opened(target) as fd:
            os.fchown(fd, *(rules.owner or (status.st_uid, status.st_gid)))
            os.fchmod(fd, owners.mode(rules.chmod, status.st_mode))
            if rules.devices:
                _copy_xattrs(view.directory(found.path), fd)
        self._times.append((target, _time(status, rules)))

    def _fill(
        self,
        view: View,
        target: str,
        files: Sequence[tuple[str, Found]],
        rules: Rules,
        *,
        image: View | None = None,
    ) -> None:
        """Files into the directory `target` of the layer. `image` None: nothing is there yet in the way, or
        it is looked at here."""
        if not files:
            return
        prefix = f"{target}/" if target else ""
        with self._opened(target) as fd:
            for name, found in files:
                if image is not None or len(files) == 1:
                    self._make_way(fd, name, image.lstat(prefix + name) if image else self._at(prefix + name))
                self._file(view, found, fd, prefix + name, rules=rules)
                self.entries += 1

    def _at(self, path: str) -> os.stat_result | None:
        with contextlib.closing(self.view()) as view:
            return view.lstat(path)

    @staticmethod
    def _make_way(fd: int, name: str, existing: os.stat_result | None) -> None:
        if existing is None:
            return
        if stat.S_ISDIR(existing.st_mode):
            raise InvalidArgument(f"cannot replace to directory {name} with file")
        with contextlib.suppress(FileNotFoundError):
            remove_at(fd, os.fsencode(name))

    def _file(self, view: View, found: Found, fd: int, path: str, *, rules: Rules) -> None:
        name = path.rpartition("/")[2]
        mode = found.status.st_mode
        if stat.S_ISSOCK(mode):
            return
        if self._is_shared(view, found, fd, path, rules=rules):
            return
        if stat.S_ISREG(mode):
            self._regular(view, found, fd, name, rules)
            return
        if stat.S_ISLNK(mode):
            os.symlink(read_link(view, found.path), name, dir_fd=fd)
        elif rules.devices or stat.S_ISFIFO(mode):
            os.mknod(name, stat.S_IFMT(mode) | 0o600, found.status.st_rdev, dir_fd=fd)
            os.chmod(name, owners.mode(rules.chmod, mode), dir_fd=fd)
        else:
            raise InvalidArgument(f"unsupported file type: {found.path} is a device")
        owner = rules.owner or Owner(found.status.st_uid, found.status.st_gid)
        os.chown(name, *owner, dir_fd=fd, follow_symlinks=False)
        time = _time(found.status, rules)
        os.utime(name, ns=(time, time), dir_fd=fd, follow_symlinks=False)

    def _is_shared(self, view: View, found: Found, fd: int, path: str, *, rules: Rules) -> bool:
        """Without copying: moved, linked to the source, or to the same file that was copied before."""
        status, name = found.status, path.rpartition("/")[2]
        plain = (
            rules.owner is None
            and not rules.chmod
            and (rules.epoch is None or status.st_mtime_ns <= rules.epoch)
        )
        if plain and rules.moves:
            directory, source = view.parent(found.path)
            os.rename(source, name, src_dir_fd=directory, dst_dir_fd=fd)
            self.size += status.st_size
            return True
        if plain and rules.links:
            directory, source = view.parent(found.path)
            with contextlib.suppress(OSError):
                os.link(source, name, src_dir_fd=directory, dst_dir_fd=fd, follow_symlinks=False)
                self.size += status.st_size
                return True
        if status.st_nlink < 2 or stat.S_ISDIR(status.st_mode):
            return False
        first = self._inodes.setdefault((status.st_dev, status.st_ino), path)
        if first == path:
            return False
        above, _, first_name = first.rpartition("/")
        with self._opened(above) as source_fd, contextlib.suppress(OSError):
            os.link(first_name, name, src_dir_fd=source_fd, dst_dir_fd=fd, follow_symlinks=False)
            return True
        return False

    def _regular(self, view: View, found: Found, fd: int, name: str, rules: Rules) -> None:
        status = found.status
        self._count(status.st_size)
        source = open_file(view, found.path)
        try:
            copy = os.open(name, _CREATE, 0o600, dir_fd=fd)
            try:
                self._data(source, copy, status.st_size)
                os.fchown(copy, *(rules.owner or (status.st_uid, status.st_gid)))
                os.fchmod(copy, owners.mode(rules.chmod, status.st_mode))
                if rules.devices:
                    _copy_xattrs(source, copy)
                time = _time(status, rules)
                os.utime(copy, ns=(time, time))
            finally:
                os.close(copy)
        finally:
            os.close(source)

    def _count(self, size: int) -> None:
        self.size += size
        self.left -= size
        if self.left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _data(self, source: int, copy: int, size: int) -> None:
        if size <= _SMALL:
            data = os.read(source, _SMALL + 1)
            written = 0
            while written < len(data):
                written += os.write(copy, data[written:])
            if len(data) <= _SMALL:
                return
        while True:
            try:
                if not os.copy_file_range(source, copy, _CHUNK):
                    return
            except OSError as error:
                if error.errno not in (errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS):
                    raise
                while os.sendfile(copy, source, None, _CHUNK):
                    pass
                return

    def put(self, path: str, data: bytes, mode: int, owner: Owner, time: int) -> None:
        """A small file of ours (a heredoc, a download). `path`: real."""
        above, _, name = path.rpartition("/")
        self.make_directories(above, owner)
        self._count(len(data))
        with self._opened(above) as fd:
            self._make_way(fd, name, self._at(path))
            copy = os.open(name, _CREATE, 0o600, dir_fd=fd)
            with open(copy, "wb") as file:
                file.write(data)
                os.fchown(copy, *owner)
                os.fchmod(copy, mode)
            os.utime(name, ns=(time, time), dir_fd=fd, follow_symlinks=False)
        self.entries += 1


class _Borrowed:
    def __init__(self, fd: int, *, owned: bool) -> None:
        self._fd = fd
        self._owned = owned

    def __enter__(self) -> int:
        return self._fd

    def __exit__(self, *_: object) -> None:
        if self._owned:
            os.close(self._fd)


def _time(status: os.stat_result, rules: Rules) -> int:
    return status.st_mtime_ns if rules.epoch is None else min(status.st_mtime_ns, rules.epoch)


def _copy_xattrs(source: int, target: int) -> None:
    """What layers carry: capabilities and users' own (as `storage.pack` writes them)."""
    for name in os.listxattr(source):
        if name == "security.capability" or (
            name.startswith("user.") and not name.startswith("user.overlay.")
        ):
            with contextlib.suppress(OSError):
                os.setxattr(target, name, os.getxattr(source, name))


def clamp(path: str, epoch: int) -> None:
    """No time in the tree is later than `epoch` (SOURCE_DATE_EPOCH), so that its digest depends on content
    only. The tree is ours, and nothing runs in it."""
    for _, _, files, fd in os.fwalk(path, topdown=False, follow_symlinks=False):
        for name in files:
            status = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if status.st_mtime_ns > epoch:
                os.utime(name, ns=(epoch, epoch), dir_fd=fd, follow_symlinks=False)
        if os.fstat(fd).st_mtime_ns > epoch:
            os.utime(fd, ns=(epoch, epoch))
