"""The json-file log, byte for byte as Docker writes it (moby daemon/logger/jsonfilelog).

One line of output is one record: `{"log":"…\\n","stream":"stdout","time":"RFC 3339, nanoseconds"}`. A
line of more than 16 KiB becomes several records, all but the last without `\\n` and all with the time of
the first (moby daemon/logger/copier.go). What is not UTF-8 becomes U+FFFD, one for each byte, as in Go.

*Lonely*: fast because nothing is done per line. A chunk is escaped as a whole with a few
`bytes.replace`, which is also what turns each newline into the end of one record and the start of the
next; and it is written with one write(2), so that a record is torn only by a kill in the middle of
that call. The reader (`logreader`) skips a torn one, and the next writer cuts it off.
"""

import codecs
import contextlib
import os
import time
from collections.abc import Callable

from sampan.linux import task

_SIGKILL = 9
LINE_LIMIT = 16 * 1024  # bytes (copier.go, defaultBufSize)

_START = b'{"log":"'
# What the JSON string has as it is. Everything else, Go escapes in its own way (jsonlog/jsonlogbytes.go).
_PLAIN = bytes(i for i in range(0x20, 0x7F) if chr(i) not in '"\\<>&') + b"\x7f"
_SHORT = {ord("\\"): b"\\\\", ord('"'): b'\\"', ord("\r"): b"\\r"}
_ESCAPES = [
    (bytes([i]), _SHORT.get(i, b"\\u%04x" % i))
    # The backslash goes first: the others bring new ones.
    for i in (ord("\\"), ord('"'), ord("<"), ord(">"), ord("&"), *range(10), *range(11, 0x20))
]
_SEPARATORS = ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))
_ESCAPED_REPLACEMENT = "sampan-go-replacement"


def _replacement(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return "\\ufffd" * (error.end - error.start), error.end


codecs.register_error(_ESCAPED_REPLACEMENT, _replacement)


def escape(text: bytes) -> bytes:
    """`text` as the inside of a JSON string, in Go's spelling; newlines are left as they are."""
    special = text.translate(None, _PLAIN)
    if not special.strip(b"\n"):
        return text
    present = set(special)
    for char, escaped in _ESCAPES:
        if char[0] in present:
            text = text.replace(char, escaped)
    if max(present) >= 0x80:
        text = _valid(text)
    return text


def _valid(text: bytes) -> bytes:
    # surrogateescape makes one surrogate of each byte that is not UTF-8, where Go has one U+FFFD.
    text = text.decode("utf-8", "surrogateescape").encode("utf-8", _ESCAPED_REPLACEMENT)
    for char, escaped in _SEPARATORS:
        text = text.replace(char, escaped)
    return text


def timestamp(nanoseconds: int) -> str:
    """RFC 3339 in UTC with as many digits of the fraction as it needs (Go's time.RFC3339Nano)."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{text}.{fraction:09d}".rstrip("0") + "Z" if fraction else text + "Z"


def now() -> str:
    return timestamp(time.time_ns())


class LogFile:
    """Appends whole records, and rotates: `path`, `path`.1 (the newest of the old ones), …"""

    def __init__(self, path: str, max_size: int = -1, max_file: int = 1, *, compress: bool = False) -> None:
        self._path = path
        self._max_size = max_size
        self._max_file = max_file
        self._compress = compress
        self._compressing = 0  # the child that does it
        self._fd = -1
        self._size = 0
        self._open()

    def append(self, records: bytes) -> None:
        """Disk full, file gone, …: the records are dropped, the container goes on (as the design says)."""
        try:
            if self._max_size < 0:
                self._write(records)
            else:
                self._write_rotating(records)
        except OSError:
            self._recover()

    def close(self) -> None:
        self._close_file()
        if self._compressing:
            os.waitpid(self._compressing, 0)
            self._compressing = 0

    def clear(self) -> None:
        """Raises OSError."""
        clear(self._path)
        self._size = 0

    def _close_file(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> None:
        self._fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        self._size = os.fstat(self._fd).st_size
        self._cut_torn_record()

    def _write(self, records: bytes) -> None:
        written = os.write(self._fd, records)
        if written != len(records):  # the disk is nearly full: all or nothing
            written += os.write(self._fd, memoryview(records)[written:])
        self._size += written

    def _write_rotating(self, records: bytes) -> None:
        """Docker looks at the size before each record: the one that goes over the limit is still written."""
        at = 0
        while at < len(records):
            if self._size >= self._max_size:
                self._rotate()
            end = records.find(b"\n", at + self._max_size - self._size - 1) + 1 or len(records)
            self._write(records[at:end])
            at = end

    def _rotate(self) -> None:
        if self._max_file < 2:
            os.ftruncate(self._fd, 0)
            self._size = 0
            return
        if self._compressing:  # it has had the time of a whole file
            os.waitpid(self._compressing, 0)
            self._compressing = 0
        for number in range(self._max_file - 1, 0, -1):
            older = f"{self._path}.{number - 1}" if number > 1 else self._path
            for ending in ("", ".gz"):
                try:
                    os.rename(older + ending, f"{self._path}.{number}{ending}")
                except FileNotFoundError:
                    continue
        self._close_file()
        self._open()
        if self._compress:
            self._compressing = compressing(f"{self._path}.1")

    def _recover(self) -> None:
        """Leave the file with whole records only."""
        try:
            if self._fd < 0:
                self._open()
            else:
                os.ftruncate(self._fd, self._size)
        except OSError:
            pass

    def _cut_torn_record(self) -> None:
        """A writer that was killed inside write(2) may have left half a record."""
        end = self._size
        while end > 0:
            start = max(0, end - 65536)
            at = os.pread(self._fd, end - start, start).rfind(b"\n")
            if at >= 0:
                end = start + at + 1
                break
            end = start
        if end != self._size:
            os.ftruncate(self._fd, end)
            self._size = end


def clear(path: str) -> None:
    """Nothing is left of a log, also of what was rotated away. Who follows it goes on at its beginning."""
    base, name = os.path.split(path)
    for other in os.listdir(base):
        if other.startswith(f"{name}."):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{base}/{other}")
    os.truncate(path, 0)


def compressing(path: str) -> int:
    """The pid of a child that makes PATH.gz of a file, with the file's time: readers know it by that."""
    pid = os.fork()
    if pid == 0:
        try:
            task.set_parent_death_signal(_SIGKILL)
            os.closerange(3, 1 << 20)  # above all the lock of the run directory
            _compress(path)
        finally:
            os._exit(0)
    return pid


def _compress(path: str) -> None:
    import zlib  # here only: it is not for the monitors to carry

    status = os.stat(path)
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)  # 31: with gzip's header
    with open(path, "rb") as plain, open(f"{path}.new", "wb") as packed:
        while chunk := plain.read(1 << 20):
            packed.write(packer.compress(chunk))
        packed.write(packer.flush())
    os.chmod(f"{path}.new", status.st_mode & 0o777)
    os.utime(f"{path}.new", ns=(status.st_mtime_ns, status.st_mtime_ns))
    os.rename(f"{path}.new", f"{path}.gz")
    os.unlink(path)


class LogStream:
    """One of the container's two output streams on its way into the log: cuts lines, makes records."""

    def __init__(
        self, name: str, append: Callable[[bytes], None], now: Callable[[], str], attributes: bytes = b""
    ) -> None:
        """`attributes`: a JSON object for every record."""
        self._append = append
        self._now = now
        kept = b'"attrs":%b,' % attributes if attributes else b""
        self._tail = b'","stream":"%b",%b"time":"' % (name.encode(), kept)
        self._line = b""  # the unfinished line, always shorter than LINE_LIMIT
        self._partial_time = ""  # of the first record of the line, when a part of it is written already

    def write(self, chunk: bytes) -> None:
        text = self._line + chunk if self._line else chunk
        end = text.rfind(b"\n") + 1
        records: list[bytes] = []
        if self._partial_time and end:
            first = text.find(b"\n") + 1
            self._long_line(text[:first], records)
            self._partial_time = ""
            self._whole_lines(text[first:end], records)
        elif end:
            self._whole_lines(text[:end], records)
        self._line = self._cut(text[end:], records)
        if records:
            self._append(b"".join(records))

    def close(self) -> None:
        """The output has ended: what has no newline is a record without one."""
        if self._line:
            self._append(self._record(self._line, self._partial_time or self._now(), newline=False))
        self._line = b""
        self._partial_time = ""

    def _whole_lines(self, lines: bytes, records: list[bytes]) -> None:
        if len(lines) > LINE_LIMIT and self._has_long_line(lines):
            for line in lines[:-1].split(b"\n"):
                self._long_line(line + b"\n", records)
                self._partial_time = ""
        elif lines:
            records.append(self._records(lines, self._now()))

    @staticmethod
    def _has_long_line(lines: bytes) -> bool:
        """Whether some line fills LINE_LIMIT without its newline; in steps of at most that length."""
        start = 0
        while len(lines) - start > LINE_LIMIT:
            newline = lines.rfind(b"\n", start, start + LINE_LIMIT)
            if newline < 0:
                return True
            start = newline + 1
        return False

    def _long_line(self, line: bytes, records: list[bytes]) -> None:
        """A line with its newline, of any length."""
        rest = self._cut(line[:-1], records)
        records.append(self._record(rest, self._partial_time or self._now(), newline=True))

    def _cut(self, text: bytes, records: list[bytes]) -> bytes:
        """Turn every full LINE_LIMIT of a line into a partial record; what remains of the line."""
        at = 0
        while len(text) - at >= LINE_LIMIT:
            self._partial_time = self._partial_time or self._now()
            records.append(self._record(text[at : at + LINE_LIMIT], self._partial_time, newline=False))
            at += LINE_LIMIT
        return text[at:]

    def _records(self, lines: bytes, now: str) -> bytes:
        """Whole short lines, each with its newline, as records of one moment."""
        end = b"\\n" + self._tail + now.encode() + b'"}\n'
        body = escape(lines[:-1]).replace(b"\n", end + _START)
        return _START + body + end

    def _record(self, line: bytes, moment: str, *, newline: bool) -> bytes:
        end = self._tail + moment.encode() + b'"}\n'
        return _START + escape(line) + (b"\\n" if newline else b"") + end


class Clock:
    """Timestamps that never go back, whatever the wall clock does."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self) -> str:
        self._last = max(time.time_ns(), self._last)
        return timestamp(self._last)
