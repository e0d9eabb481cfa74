"""What every command has in common: flags, arguments, exit codes, and a daemon that is not there."""

import pytest

from harness.clients import Client

VERBS = [
    *(
        "attach",
        "create",
        "events",
        "exec",
        "images",
        "import",
        "info",
        "inspect",
        "kill",
        "load",
        "logs",
        "ps",
    ),
    *("pull", "rename", "restart", "rm", "rmi", "run", "start", "stop", "tag", "version", "wait"),
]


@pytest.mark.parametrize("verb", VERBS)
def test_an_unknown_flag_is_an_error_at_125(cli: Client, verb: str) -> None:
    result = cli(verb, "--nonsense", check=False)
    assert result.code == 125
    assert "unknown flag: --nonsense" in result.err
    assert f"Run '{cli.name} {verb} --help' for more information" in result.err
    assert result.out == ""


@pytest.mark.parametrize("flag", ["-Z", "-dZ"])
def test_an_unknown_short_flag_too(cli: Client, flag: str) -> None:
    result = cli("run", flag, "busybox", "true", check=False)
    assert result.code == 125
    assert "unknown shorthand flag: 'Z' in -Z" in result.err


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("run", "requires at least 1 argument"),
        ("create", "requires at least 1 argument"),
        ("rm", "requires at least 1 argument"),
        ("stop", "requires at least 1 argument"),
        ("start", "requires at least 1 argument"),
        ("kill", "requires at least 1 argument"),
        ("wait", "requires at least 1 argument"),
        ("restart", "requires at least 1 argument"),
        ("inspect", "requires at least 1 argument"),
        ("rmi", "requires at least 1 argument"),
        ("exec", "requires at least 2 arguments"),
        ("logs", "requires 1 argument"),
        ("attach", "requires 1 argument"),
        ("pull", "requires 1 argument"),
        ("rename", "requires 2 arguments"),
        ("tag", "requires 2 arguments"),
    ],
)
def test_missing_arguments_are_told(cli: Client, verb: str, words: str) -> None:
    result = cli(verb, check=False)
    assert result.code == 1
    assert f"{cli.name}: '{cli.name} {verb}' {words}" in result.err.replace('"', "'")


def test_an_unknown_command(cli: Client) -> None:
    result = cli("bogus", check=False)
    assert result.code == 1
    assert f"{cli.name}: unknown command: {cli.name} bogus" in result.err


@pytest.mark.parametrize(("arguments", "code"), [(("ps",), 1), (("run", "--rm", "busybox", "true"), 125)])
def test_no_daemon_is_there(cli: Client, arguments: tuple[str, ...], code: int) -> None:
    result = cli("-H", "unix:///nowhere/sock", *arguments, check=False)
    assert result.code == code
    nobody = "Cannot connect to the Docker daemon at unix:///nowhere/sock. Is the docker daemon running?"
    assert nobody in result.err


@pytest.mark.parametrize("group", ["container", "image"])
def test_both_spellings_of_a_verb_are_the_same(cli: Client, group: str) -> None:
    short, long = {"container": ("ps", "ls"), "image": ("images", "ls")}[group]
    assert sorted(cli(group, long).out.splitlines()) == sorted(cli(short).out.splitlines())
    assert cli(group, "inspect", "absent", check=False).code == 1
