import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.runtime.logreader import Form, LogReader, multiplexed, parse
from sampan.runtime.logs import LINE_LIMIT, Clock, LogFile, LogStream, escape, timestamp

MOMENT = "2026-11-24T09:00:00.5Z"


def written(*chunks: bytes, moments: Callable[[], str] = lambda: MOMENT) -> bytes:
    records: list[bytes] = []
    stream = LogStream("stdout", records.append, moments)
    for chunk in chunks:
        stream.write(chunk)
    stream.close()
    return b"".join(records)


def lines(data: bytes) -> list[bytes]:
    return [record.line for record in parse(data)]


def test_a_record_is_docker_s() -> None:
    assert written(b"hello\n") == b'{"log":"hello\\n","stream":"stdout","time":"2026-11-24T09:00:00.5Z"}\n'


# Each value as a Docker 20.10.24 daemon wrote it.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'say "x" \\', rb"say \"x\" \\"),
        (b"<a>&b", rb"\u003ca\u003e\u0026b"),
        (b"\t\r\x00\x1b\x08", rb"\u0009\r\u0000\u001b\u0008"),
        (b"\x7f", b"\x7f"),
        ("grün €".encode(), "grün €".encode()),
        (b"a\xff\xfeb", rb"a\ufffd\ufffdb"),
        (b"\xe2\x82", rb"\ufffd\ufffd"),
        (b"\xed\xa0\x80", rb"\ufffd\ufffd\ufffd"),
        (b"\xe2\x80\xa8\xe2\x80\xa9", rb"\u2028\u2029"),
    ],
)
def test_escapes_are_go_s(text: bytes, expected: bytes) -> None:
    assert escape(text) == expected


def test_a_line_that_comes_in_pieces_is_one_record() -> None:
    assert lines(written(b"he", b"llo\nwor", b"ld\n")) == [b"hello\n", b"world\n"]


def test_the_last_line_without_newline_is_a_record_without_one() -> None:
    assert lines(written(b"a\nb")) == [b"a\n", b"b"]


def test_long_lines_are_cut_at_16_kib() -> None:
    line = b"x" * (LINE_LIMIT * 2 + 10)
    assert [len(part) for part in lines(written(line + b"\n"))] == [LINE_LIMIT, LINE_LIMIT, 11]
    exact = b"y" * LINE_LIMIT
    assert lines(written(exact + b"\nz\n")) == [exact, b"\n", b"z\n"]


def test_parts_of_a_line_have_the_time_of_the_first() -> None:
    moments = iter(f"2026-01-01T00:00:0{n}Z" for n in range(10))
    data = written(b"x" * LINE_LIMIT, b"x" * LINE_LIMIT, b"\nnext\n", moments=lambda: next(moments))
    assert [record.time[-3:-1] for record in parse(data)] == ["00", "00", "00", "01"]


@given(
    st.lists(st.one_of(st.binary(max_size=50), st.integers(1, 40000).map(lambda n: b"l" * n)), max_size=8),
    st.lists(st.integers(1, 30000), min_size=1, max_size=8),
)
def test_chunks_do_not_matter_and_nothing_is_lost(parts: list[bytes], cuts: list[int]) -> None:
    data = b"\n".join(parts)
    chunks, at = [], 0
    for cut in cuts:
        chunks.append(data[at : at + cut])
        at += cut
    chunks.append(data[at:])
    log = written(*chunks)
    assert log == written(data)
    for record in log.splitlines():
        assert json.loads(record)["stream"] == "stdout"
    expected = data.decode("utf-8", "surrogateescape")
    expected = "".join("\ufffd" if 0xDC80 <= ord(c) <= 0xDCFF else c for c in expected)
    text = b"".join(lines(log)).decode()
    if not any(len(part) >= LINE_LIMIT for part in data.split(b"\n")):  # a cut may go through a character
        assert text == expected


def test_timestamps_have_the_digits_they_need() -> None:
    assert timestamp(0) == "1970-01-01T00:00:00Z"
    assert timestamp(1_500_000_000) == "1970-01-01T00:00:01.5Z"
    assert timestamp(1_000_000_001) == "1970-01-01T00:00:01.000000001Z"


def test_the_clock_never_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    times = iter([5_000_000_000, 3_000_000_000])
    monkeypatch.setattr("sampan.runtime.logs.time.time_ns", lambda: next(times))
    assert clock() == clock()


def record(number: int, stream: str = "stdout") -> bytes:
    return b'{"log":"%d\\n","stream":"%b","time":"%b"}\n' % (
        number,
        stream.encode(),
        timestamp(number * 1_000_000_000).encode(),
    )


def numbers(reader: LogReader) -> list[int]:
    return [int(one.line) for batch in reader.batches() for one in batch]


def fill(path: Path, count: int, **options: int) -> None:
    log = LogFile(str(path), **options)
    for number in range(count):
        log.append(record(number))
    log.close()


def test_rotation_keeps_whole_records_in_order(tmp_path: Path) -> None:
    path = tmp_path / "log"
    fill(path, 100, max_size=300, max_file=3)
    assert sorted(os.listdir(tmp_path)) == ["log", "log.1", "log.2"]
    with LogReader(str(path)) as reader:
        seen = numbers(reader)
    assert seen == list(range(seen[0], 100))
    assert all(entry.stat().st_size < 300 + 80 for entry in tmp_path.iterdir())


def test_rotation_within_one_batch(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = LogFile(str(path), max_size=500, max_file=1000)
    log.append(b"".join(record(number) for number in range(200)))
    log.close()
    assert len(os.listdir(tmp_path)) > 10
    with LogReader(str(path)) as reader:
        assert numbers(reader) == list(range(200))


def test_one_file_starts_over(tmp_path: Path) -> None:
    fill(tmp_path / "log", 100, max_size=300, max_file=1)
    assert os.listdir(tmp_path) == ["log"]


@pytest.mark.parametrize(("tail", "expected"), [(0, []), (1, [99]), (7, range(93, 100)), (1000, None)])
def test_tail_goes_back_over_rotated_files(tmp_path: Path, tail: int, expected: range | None) -> None:
    path = tmp_path / "log"
    fill(path, 100, max_size=300, max_file=50)
    with LogReader(str(path), tail=tail) as reader:
        assert numbers(reader) == list(range(100) if expected is None else expected)


def test_since_and_until(tmp_path: Path) -> None:
    path = tmp_path / "log"
    fill(path, 20)
    reader = LogReader(str(path), since=5_000_000_000, until=8_000_000_000)
    assert numbers(reader) == [5, 6, 7, 8]
    assert reader.finished
    reader.close()


def test_reading_on_over_rotations(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = LogFile(str(path), max_size=300, max_file=100)
    seen: list[int] = []
    with LogReader(str(path)) as reader:
        for number in range(60):
            log.append(record(number))
            if number % 13 == 0:
                seen += numbers(reader)
        seen += numbers(reader)
    log.close()
    assert seen == list(range(60))


def test_a_log_that_is_not_there_yet(tmp_path: Path) -> None:
    with LogReader(str(tmp_path / "log")) as reader:
        assert numbers(reader) == []
        fill(tmp_path / "log", 3)
        assert numbers(reader) == [0, 1, 2]


def test_a_torn_record_is_skipped_and_then_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(record(1) + record(2)[:-9])
    with LogReader(str(path)) as reader:
        assert numbers(reader) == [1]
        log = LogFile(str(path))
        log.append(record(3))
        log.close()
        assert numbers(reader) == [3]


def test_a_full_disk_drops_records_and_keeps_the_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    log = LogFile(str(path))
    log.append(record(1))
    write = os.write
    answers = iter([10, OSError(28, "No space left on device")])

    def full(fd: int, data: bytes) -> int:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return write(fd, bytes(data)[:answer])

    monkeypatch.setattr(os, "write", full)
    log.append(record(2))
    monkeypatch.undo()
    log.append(record(3))
    log.close()
    assert path.read_bytes() == record(1) + record(3)


def test_docker_s_attributes_and_escapes_are_read() -> None:
    data = (
        b'{"log":"a\\u003c\\"\\\\\\t\\n","stream":"stderr","attrs":{"k":"v"},"time":"2026-01-01T00:00:00Z"}\n'
        b"not a record\n"
    )
    (one,) = parse(data)
    assert (one.stream, one.line) == (2, b'a<"\\\t\n')


def test_frames_join_neighbours_of_one_stream() -> None:
    records = parse(record(1) + record(2) + record(3, "stderr"))
    assert multiplexed(records) == b"\1\0\0\0\0\0\0\x041\n2\n" + b"\2\0\0\0\0\0\0\x023\n"
    assert b"1970-01-01T00:00:01.000000000Z 1\n" in multiplexed(records, timestamps=True)


def demultiplexed(data: bytes) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    while data:
        length = int.from_bytes(data[4:8], "big")
        if found and found[-1][0] == data[0]:
            found[-1] = (data[0], found[-1][1] + data[8 : 8 + length])
        else:
            found.append((data[0], data[8 : 8 + length]))
        data = data[8 + length :]
    return found


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["stdout", "stdout", "stderr"]),
            st.one_of(st.just(b"plain"), st.sampled_from([b'","stream":"stderr","time":"', b"\\n", b"}\n{"])),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_frames_are_the_records_also_on_the_fast_path(parts: list[tuple[str, bytes, bool]]) -> None:
    """Text that looks like the format, parts of lines, both streams."""
    with tempfile.TemporaryDirectory() as directory:
        log = LogFile(f"{directory}/log")
        for name, text, newline in parts:
            stream = LogStream(name, log.append, lambda: MOMENT)
            stream.write(text + (b"\n" if newline else b""))
            stream.close()
        log.close()
        with LogReader(f"{directory}/log") as reader:
            records = [one for batch in reader.batches() for one in batch]
        with LogReader(f"{directory}/log") as reader:
            assert demultiplexed(b"".join(reader.frames(Form()))) == demultiplexed(multiplexed(records))
        with LogReader(f"{directory}/log") as reader:
            only = Form(frozenset({2}), multiplexed=False)
            assert b"".join(reader.frames(only)) == b"".join(r.line for r in records if r.stream == 2)
