"""Reading a log whose files are being renamed."""

from pathlib import Path

from sampan.runtime.logreader import LogReader

LINE = '{"log":"%s\\n","stream":"stdout","time":"2026-01-01T00:00:00Z"}\n'


def test_in_the_middle_of_a_rotation(tmp_path: Path) -> None:
    """The older files have moved on, the newest has not: log.1 is missing, and what was in it is in log.2."""
    log = tmp_path / "log"
    log.write_text(LINE % "first")
    with LogReader(str(log)) as reader:
        assert [one.line for batch in reader.batches() for one in batch] == [b"first\n"]
        log.rename(tmp_path / "log.3")
        (tmp_path / "log.2").write_text(LINE % "second")
        log.write_text(LINE % "third")
        assert [one.line for batch in reader.batches() for one in batch] == [b"second\n", b"third\n"]
