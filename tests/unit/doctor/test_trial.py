"""What is tried in a child tells its parent, and nothing else."""

import os

import pytest

from sampan.doctor.trial import attempt


def test_what_works() -> None:
    assert attempt(lambda: None) == ""


def test_what_the_kernel_refuses() -> None:
    assert attempt(lambda: os.rmdir("/nonexistent")) == "No such file or directory (/nonexistent)"


def test_what_is_wrong() -> None:
    def action() -> None:
        raise ValueError("no")

    assert attempt(action) == "ValueError: no"


def test_what_kills_the_child() -> None:
    assert attempt(lambda: os.kill(os.getpid(), 9)) == "the trial ended with -9"


def test_the_child_ends(capfd: pytest.CaptureFixture[str]) -> None:
    print("once")
    attempt(lambda: None)
    assert capfd.readouterr().out == "once\n"
