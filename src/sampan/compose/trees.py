"""Directory trees that are watched for changes, by inotify(7): recursive by a watch for each directory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

from sampan.errors import Unavailable
from sampan.linux.inotify import Inotify

_MASK = (
    Inotify.CLOSE_WRITE
    | Inotify.ATTRIB
    | Inotify.CREATE
    | Inotify.DELETE
    | Inotify.MOVED_FROM
    | Inotify.MOVED_TO
    | Inotify.DELETE_SELF
)


class Trees:
    """`roots`: files and directories; `skip`: directories that are not looked into. Owned: close it."""

    def __init__(self, roots: Iterable[str], skip: Callable[[str], bool]) -> None:
        self._skip = skip
        self._roots = sorted(set(roots))
        self._inotify = Inotify()
        self._directories: dict[int, str] = {}
        for root in self._roots:
            for _ in self._enter(root if os.path.isdir(root) else os.path.dirname(root), root):
                pass

    def fileno(self) -> int:
        return self._inotify.fileno()

    def close(self) -> None:
        self._inotify.close()

    def read(self) -> set[str]:
        """What has changed, come or gone, by its path; a new directory with all that is in it."""
        found: set[str] = set()
        for change in self._inotify.read():
            if change.mask & Inotify.Q_OVERFLOW:
                return set(self.everything())
            if change.mask & Inotify.IGNORED:
                self._directories.pop(change.watch, None)
                continue
            directory = self._directories.get(change.watch)
            if directory is None or not change.name:
                continue
            path = os.path.join(directory, change.name)
            if not self._below(path):
                continue
            if not change.mask & Inotify.ISDIR:
                found.add(path)
            elif change.mask & (Inotify.CREATE | Inotify.MOVED_TO):
                found.update(self._enter(path, path))
            elif change.mask & (Inotify.DELETE | Inotify.MOVED_FROM):
                found.add(path)
        return found

    def everything(self) -> Iterator[str]:
        """All files there are."""
        for root in self._roots:
            if os.path.isdir(root):
                yield from self._enter(root, root)
            elif os.path.exists(root):
                yield root

    def _below(self, path: str) -> bool:
        return any(path == root or path.startswith(root.rstrip("/") + "/") for root in self._roots)

    def _enter(self, top: str, root: str) -> Iterator[str]:
        """Watch the directory `top`, and what is below it when that is the root: the files there."""
        left = [top]
        while left:
            directory = left.pop()
            if directory != top and self._skip(directory):
                continue
            try:
                self._watch(directory)
                entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
            except (FileNotFoundError, NotADirectoryError):
                continue  # gone meanwhile
            if top != root:
                continue
            left += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
            yield from (entry.path for entry in entries if not entry.is_dir(follow_symlinks=False))

    def _watch(self, directory: str) -> None:
        try:
            self._directories[self._inotify.add(directory, _MASK)] = directory
        except OSError as error:
            if isinstance(error, FileNotFoundError | NotADirectoryError):
                raise
            raise Unavailable(
                f"cannot watch {directory}: {error.strerror} (fs.inotify.max_user_watches may be too small)"
            ) from None
