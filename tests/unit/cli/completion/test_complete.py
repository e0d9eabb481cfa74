"""What may stand where the cursor is, without a daemon."""

import pytest

from sampan.cli.completion.complete import candidates

NOWHERE = ["-H", "unix:///nonexistent/sock"]


def names(words: list[str], current: str) -> list[str]:
    found, _ = candidates(words, current)
    return [value for value, _ in found if value.startswith(current)]


def test_commands_and_groups() -> None:
    assert names([], "vol") == ["volume"]
    assert {"rename", "restart", "rm", "rmi", "run"} <= set(names([], "r"))
    assert {"inspect", "ls", "create", "rm"} <= set(names(["volume"], ""))
    assert "dial-stdio" not in names(["system"], "")


@pytest.mark.parametrize(
    "before", [[], ["--debug"], ["-H", "x"], ["-Hx"], ["--host=x"], ["-D", "-l", "info"]]
)
def test_global_flags_may_stand_before(before: list[str]) -> None:
    assert names([*before, "container"], "renam") == ["rename"]


def test_flags() -> None:
    assert names(["run"], "--net") == ["--network", *(n for n in names(["run"], "--network-"))]
    assert "--net" not in names(["run"], "--net")  # understood, but not shown
    assert names(["run", "--rm"], "--entry") == ["--entrypoint"]
    assert names(["ps"], "-a") == ["-a"]
    assert names(["rm"], "--help") == ["--help"]
    assert names([], "--tlsca") == ["--tlscacert"]


def test_values_of_flags() -> None:
    assert names(["run", "--pull"], "") == ["always", "missing", "never"]
    assert names(["run", "-it", "--restart"], "on") == ["on-failure"]
    assert names(["--log-level"], "e") == ["error"]
    found, _ = candidates(["run"], "--pull=")
    assert [value for value, _ in found] == ["always", "missing", "never"]
    assert candidates(["run", "--env-file"], "") == ([], 0)  # files
    assert candidates(["run", "--name"], "") == ([], 4)


def test_the_commands_own_words_are_not_ours() -> None:
    """Behind the image of `run` the program's flags begin."""
    assert candidates([*NOWHERE, "run", "busybox"], "--net") == ([], 4)
    assert candidates([*NOWHERE, "exec", "web", "ls"], "-") == ([], 0)
    assert candidates([*NOWHERE, "rm", "--"], "-f") == ([], 4)


@pytest.mark.parametrize(
    "words",
    [
        ["rm"],
        ["run"],
        ["volume", "rm"],
        ["network", "inspect"],
        ["inspect"],
        ["run", "--network"],
        ["image", "rm"],
    ],
)
def test_without_a_daemon_there_is_nothing(words: list[str]) -> None:
    assert candidates([*NOWHERE, *words], "") == ([], 4)


@pytest.mark.parametrize(
    "words", [["nonsense"], ["volume", "nonsense"], ["--nonsense"], ["ps", "--nonsense="], []]
)
def test_nonsense_is_not_completed(words: list[str]) -> None:
    found, _ = candidates(words, "zzz")
    assert [value for value, _ in found if value.startswith("zzz")] == []
