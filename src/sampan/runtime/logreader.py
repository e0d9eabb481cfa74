"""Read a json-file log: across rotated files, from a time on, the last lines only, and again for what is new.

*Calm*: for the daemon's worker threads. It reads what `runtime.logs` and what Docker writes; a record
that is torn (its writer was killed) or that is no record is skipped.
"""

import json
import os
import re
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote_plus

from sampan.runtime.logs import timestamp
from sampan.runtime.streams import STDERR, STDOUT, frame_header

_CHUNK = 256 * 1024  # bytes
_RECORD = re.compile(
    rb'\{"log":"([^"\\]*(?:\\.[^"\\]*)*)","stream":"(stdout|stderr)",(?:"attrs":(\{[^\n]*\}),)?"time":"([^"]*)"\}'
)
_START = b'{"log":"'
# From the end of one record's text to the beginning of the next one's.
_SEAM = {
    stream: re.compile(rb'\\n","stream":"%b","time":"[^"]*"\}\n\{"log":"' % name)
    for stream, name in ((STDOUT, b"stdout"), (STDERR, b"stderr"))
}
_STREAMS = {b"stdout": STDOUT, b"stderr": STDERR}


class Record(NamedTuple):
    """`line` ends in a newline, unless it is a part of a line (of more than 16 KiB, or the last)."""

    stream: int  # streams.STDOUT, STDERR
    time: str  # RFC 3339, nanoseconds, Z
    line: bytes
    attributes: bytes = b""  # a JSON object, or nothing


class LogReader:
    """`batches` yields what there is; called again later, what has come since. Close it, or use `with`.

    `tail` counts records from the end, before `since` and `until` (nanoseconds since the epoch) choose
    among them, as in Docker. `finished`: a record after `until` was seen.
    """

    def __init__(
        self, path: str, *, since: int | None = None, until: int | None = None, tail: int | None = None
    ) -> None:
        self._path = path
        self._since = "" if since is None else _comparable(timestamp(since))
        self._until = "" if until is None else _comparable(timestamp(until))
        self._fd = -1
        self._packed: os.stat_result | None = None  # of the .gz that _fd is the contents of
        self._offset = 0  # of the first byte that was not yielded
        self._opened = False
        self._tail = tail
        self.finished = False

    def __enter__(self) -> "LogReader":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def batches(self) -> Iterator[list[Record]]:
        """Lists of records, none empty, to the present end of the log."""
        for data in self._all_chunks():
            if records := self._chosen(parse(data)):
                yield records

    def frames(self, form: "Form") -> Iterator[bytes]:
        """As `batches`, in the form in which the Engine API sends them."""
        plain = not (form.timestamps or self._since or self._until)
        for data in self._all_chunks():
            text = _whole_stream(data) if plain else None
            if text is not None:
                stream, body = text
                if stream in form.streams:
                    yield frame_header(stream, len(body)) + body if form.multiplexed else body
            elif body := form.apply(self._chosen(parse(data))):
                yield body

    def _all_chunks(self) -> Iterator[bytes]:
        if not self._opened and not self._open_first():
            return
        while not self.finished:
            for data in self._chunks():
                yield data
                if self.finished:
                    return
            if not self._next_file():
                return

    # -- files -------------------------------------------------------------------------------------

    def _open_first(self) -> bool:
        files = self._files()
        if not files:
            return False
        self._opened = True
        if self._tail is None:
            self._open(files[0], 0)
            return True
        missing = self._tail
        for path in reversed(files):
            self._open(path, 0)
            self._offset, missing = _tail_offset(self._fd, missing)
            if missing <= 0:
                return True
        return True

    def _files(self) -> list[str]:
        """Oldest first. They are looked at until they stand still: a rotation renames one after the other."""
        seen: list[tuple[str, int]] = []
        while (found := self._listed()) != seen:
            seen = found
        return [path for path, _ in seen]

    def _listed(self) -> list[tuple[str, int]]:
        """(path, inode), oldest first; in the middle of a rotation a number is missing. Of a file that is
        being packed right now, the one that is whole."""
        directory, name = os.path.split(self._path)
        found: dict[int, tuple[str, int]] = {}
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    number = _number(entry.name, name)
                    if number >= 0 and not (number in found and entry.name.endswith(".gz")):
                        found[number] = (entry.path, entry.inode())
        except FileNotFoundError:
            return []
        return [found[number] for number in sorted(found, reverse=True)]

    def _open(self, path: str, offset: int) -> None:
        self.close()
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._packed = os.fstat(self._fd) if path.endswith(".gz") else None
        if self._packed is not None:
            self._fd = _unpacked(self._fd)
        self._offset = offset

    def _next_file(self) -> bool:
        """Go on behind a rotation. False: ours is the newest, and it is read to its end."""
        mine = self._packed or os.fstat(self._fd)
        if self._packed is None and mine.st_size < self._offset:  # rotated in place (max_file 1)
            self._offset = 0
            return True
        files = self._files()
        for index, path in enumerate(files):
            try:
                status = os.stat(path)
            except FileNotFoundError:
                continue
            if (status.st_dev, status.st_ino) == (mine.st_dev, mine.st_ino):
                newer = files[index + 1 :]
                break
        else:
            # Ours was packed meanwhile, or is gone for good: go on with what was written to since.
            newer = [path for path in files if _modified(path) > mine.st_mtime_ns]
        if not newer:
            return False
        try:
            self._open(newer[0], 0)
        except FileNotFoundError:  # rotated again just now
            return self._next_file()
        return True

    def _chunks(self) -> Iterator[bytes]:
        """Whole lines from our offset on; the offset moves before each is yielded."""
        size = _CHUNK
        while True:
            data = os.pread(self._fd, size, self._offset)
            end = data.rfind(b"\n") + 1
            if end:
                self._offset += end
                size = _CHUNK
                yield data[:end]
            elif len(data) == size:  # one record that is longer than all this
                size *= 2
            else:
                return

    # -- records -----------------------------------------------------------------------------------

    def _chosen(self, records: list[Record]) -> list[Record]:
        if self._since:
            records = [record for record in records if _comparable(record.time) >= self._since]
        if self._until:
            kept = [record for record in records if _comparable(record.time) <= self._until]
            self.finished = len(kept) < len(records)
            records = kept
        return records


class Form(NamedTuple):
    """What a client wants of a log. Not `multiplexed`: of a container with a terminal."""

    streams: frozenset[int] = frozenset((STDOUT, STDERR))
    timestamps: bool = False
    multiplexed: bool = True

    def apply(self, records: Iterable[Record]) -> bytes:
        chosen = (record for record in records if record.stream in self.streams)
        if self.multiplexed:
            return multiplexed(chosen, timestamps=self.timestamps)
        return b"".join(stamp(one.time) + one.line if self.timestamps else one.line for one in chosen)


def _number(entry: str, name: str) -> int:
    """How many files of the log `name` are newer than this one; -1: it is none of them."""
    if entry == name:
        return 0
    number = entry.removeprefix(f"{name}.").removesuffix(".gz")
    return int(number) if entry.startswith(f"{name}.") and number.isdecimal() else -1


def _modified(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except FileNotFoundError:
        return 0


def _unpacked(fd: int) -> int:
    """The contents of a .gz in a file without a name. Takes the descriptor."""
    unpacker = zlib.decompressobj(31)
    with open(fd, "rb") as packed, tempfile.TemporaryFile() as plain:
        while chunk := packed.read(_CHUNK):
            plain.write(unpacker.decompress(chunk))
        plain.flush()
        return os.dup(plain.fileno())


def _whole_stream(data: bytes) -> tuple[int, bytes] | None:
    """(stream, all text) of lines that are all whole records of one stream with nothing escaped but their
    newlines: most of most logs, and some ten times faster than one by one. None: it is not so simple."""
    for name, other, stream in ((b"stdout", b"stderr", STDOUT), (b"stderr", b"stdout", STDERR)):
        middle = b'","stream":"%b","time":"' % name
        if data.find(middle) < 0:
            continue
        if data.find(b'","stream":"%b"' % other) >= 0 or data.count(b"\\") != data.count(b"\n"):
            return None
        lines = data.count(b"\n")
        text, seams = _SEAM[stream].subn(b"\n", data)
        last = text.rfind(b"\\n" + middle)
        if seams != lines - 1 or not text.startswith(_START) or last < 0:
            return None
        return stream, text[len(_START) : last] + b"\n"
    return None


def parse(data: bytes) -> list[Record]:
    """The records in whole lines."""
    return [
        Record(_STREAMS[stream], time.decode(), _unescape(line), attributes)
        for line, stream, attributes, time in _RECORD.findall(data)
    ]


def multiplexed(records: Iterable[Record], *, timestamps: bool = False, details: bool = False) -> bytes:
    """As the Engine API sends them; neighbours of one stream share a frame."""
    frames: list[bytes] = []
    pending: list[bytes] = []
    current = 0
    for stream, time, line, attributes in records:
        if stream != current:
            _frame(frames, current, pending)
            current = stream
        if timestamps:
            pending.append(stamp(time))
        if details:
            pending.append(shown(attributes))
        pending.append(line)
    _frame(frames, current, pending)
    return b"".join(frames)


def stamp(time: str) -> bytes:
    """What `docker logs -t` puts before a line: all nine digits (moby jsonmessage, RFC3339NanoFixed)."""
    return _comparable(time).encode() + b"Z "


def shown(attributes: bytes) -> bytes:
    """What `docker logs --details` puts before a line (moby httputils/write_log_stream.go)."""
    try:
        found = json.loads(attributes or b"{}")
    except ValueError:
        found = {}
    pairs = sorted((quote_plus(str(name)), quote_plus(str(value))) for name, value in found.items())
    return ",".join(f"{name}={value}" for name, value in pairs).encode() + b" "


def _frame(frames: list[bytes], stream: int, pending: list[bytes]) -> None:
    if pending:
        body = b"".join(pending)
        frames += (frame_header(stream, len(body)), body)
        pending.clear()


def _unescape(text: bytes) -> bytes:
    if text.count(b"\\") == 1 and text.endswith(b"\\n"):
        return text[:-2] + b"\n"
    if b"\\" not in text:
        return text
    try:
        return json.loads(b'"' + text + b'"').encode("utf-8", "replace")  # type: ignore[no-any-return]
    except ValueError:
        return text


def _comparable(time: str) -> str:
    """With all nine digits and without Z: then the order of times is the order of texts."""
    seconds, _, fraction = time.rstrip("Z").partition(".")
    return f"{seconds}.{fraction:0<9}"


def _tail_offset(fd: int, count: int) -> tuple[int, int]:
    """(where the last `count` lines of a file begin, how many it has too few)."""
    end = os.fstat(fd).st_size
    if count <= 0:
        return end, 0
    at = end
    needed = count + 1  # newlines: the one that ends the line before counts too
    while at > 0:
        start = max(0, at - _CHUNK)
        data = os.pread(fd, at - start, start)
        found = data.count(b"\n")
        if found >= needed:
            return start + _nth_newline_from_end(data, needed) + 1, 0
        needed -= found
        at = start
    return 0, needed - 1


def _nth_newline_from_end(data: bytes, count: int) -> int:
    at = len(data)
    for _ in range(count):
        at = data.rfind(b"\n", 0, at)
    return at
