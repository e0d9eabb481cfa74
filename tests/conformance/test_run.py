"""`run` itself: what it prints, with which code it ends, and what is there when it could not start."""

import os
import re
import signal
from collections.abc import Callable

import pytest

from harness.clients import Client
from harness.looking import fresh, inspect, state
from harness.waiting import until

Run = Callable[..., str]


def test_d_prints_the_id_alone(cli: Client) -> None:
    result = cli("run", "-d", "busybox", "true")
    assert re.fullmatch("[0-9a-f]{64}\n", result.out)
    assert result.err == ""
    assert cli("rm", "-f", result.out.strip()).out == result.out


def test_stdout_and_stderr_stay_apart(cli: Client) -> None:
    result = cli("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2")
    assert (result.out, result.err) == ("out\n", "err\n")


def test_stdin_is_passed_with_i_only(cli: Client) -> None:
    assert cli("run", "--rm", "-i", "busybox", "cat", stdin=b"through\n").out == "through\n"
    assert cli("run", "--rm", "busybox", "cat", stdin=b"through\n").out == ""


def test_a_megabyte_passes_through_unchanged(cli: Client) -> None:
    data = os.urandom(1 << 19).hex().encode()
    assert cli("run", "--rm", "-i", "busybox", "cat", stdin=data).out.encode() == data


@pytest.mark.parametrize("code", [0, 1, 3, 125, 127, 255])
def test_the_exit_code_is_the_containers(cli: Client, code: int) -> None:
    assert cli("run", "--rm", "busybox", "sh", "-c", f"exit {code}", check=False).code == code


def test_killed_by_a_signal_is_128_and_more(cli: Client, container: Run) -> None:
    name = container("busybox", "sleep", "1000")
    cli("kill", name)
    assert cli("wait", name).out == "137\n"
    assert cli("run", "--rm", "--init", "busybox", "sh", "-c", "kill -9 $$", check=False).code == 137


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--pull", "never", "absent:1", "x"], 125, "No such image: absent:1"),
        (["--pull", "bogus", "busybox"], 125, "invalid pull option: 'bogus'"),
        (
            ["-w", "rel", "busybox", "pwd"],
            125,
            "the working directory 'rel' is invalid, it needs to be an absol",
        ),
        (
            ["-u", "nouser", "busybox", "id"],
            125,
            "unable to find user nouser: no matching entries in passwd fil",
        ),
        (
            ["--name", "a", "busybox"],
            125,
            "Invalid container name (a), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allow",
        ),
        (["--cap-add", "BOGUS", "busybox"], 125, 'invalid CapAdd: unknown capability: "CAP_BOGUS"'),
        (["-m", "1m", "busybox"], 125, "Minimum memory limit allowed is 6MB"),
        (["-p", "abc:80", "busybox"], 125, "invalid hostPort: abc"),
        (["-v", "rel/x:/m", "busybox"], 125, "includes invalid characters for a local volume name"),
        (["-v", "/tmp:/m:zz", "busybox"], 125, "invalid mode: zz"),
        (
            ["--restart", "always", "busybox"],
            125,
            "conflicting options: cannot specify both --restart and --rm",
        ),
        (["--network", "nonet", "busybox"], 125, "network nonet not found"),
        (["--network", "container:absent", "busybox"], 125, "No such container: absent"),
        (["--entrypoint", "", "busybox"], 125, "No command specified"),
        (["Busybox"], 125, "repository name (library/Busybox) must be lowercase"),
        (["bad!name"], 125, "invalid reference format"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_errors_in_dockers_words(cli: Client, arguments: list[str], code: int, sentence: str) -> None:
    result = cli("run", "--rm", *arguments, check=False)
    assert sentence in result.err
    assert result.code == code


def test_an_error_names_the_program_the_daemon_and_where_to_read(cli: Client) -> None:
    error = cli("run", "--rm", "--name", "a", "busybox", check=False).err
    assert error.startswith(f"{cli.name}: Error response from daemon: ")
    assert error.endswith(f"\n\nRun '{cli.name} run --help' for more information\n")


@pytest.mark.parametrize(
    ("command", "code", "sentence"),
    [
        ("nosuch", 127, 'exec: "nosuch": executable file not found in $PATH'),
        ("/nosuch", 127, 'exec: "/nosuch": stat /nosuch: no such file or directory'),
        ("/etc/passwd", 126, 'exec: "/etc/passwd": permission denied'),
        ("/etc", 126, 'exec: "/etc": '),
    ],
)
def test_what_cannot_start_stays_created(cli: Client, command: str, code: int, sentence: str) -> None:
    name = fresh()
    result = cli("run", "--name", name, "busybox", command, check=False)
    found = state(cli, name)
    cli("rm", name)
    assert sentence in result.err
    assert "OCI runtime create failed" in result.err
    assert result.code == code
    assert (found["Status"], found["ExitCode"]) == ("created", code)
    assert sentence in found["Error"]


def test_rm_takes_away_also_what_could_not_start(cli: Client) -> None:
    cli("run", "--rm", "--name", "cannot", "busybox", "nosuch", check=False)
    assert until(lambda: cli("ps", "-aq", "--filter", "name=cannot").out == "")


def test_a_name_is_taken_once(cli: Client, container: Run) -> None:
    name = container("busybox", "sleep", "1000")
    identity = inspect(cli, name)["Id"]
    again = cli("run", "--name", name, "busybox", check=False)
    assert again.code == 125
    assert (
        f'Conflict. The container name "/{name}" is already in use by container "{identity}".'
        " You have to remove (or rename) that container to be able to reuse that name."
    ) in again.err


def test_a_name_is_made_up(cli: Client) -> None:
    identity = cli("run", "-d", "busybox", "true").out.strip()
    assert re.fullmatch("/[a-z]+_[a-z]+[0-9]*", inspect(cli, identity)["Name"])
    cli("rm", "-f", identity)


def test_rm_leaves_nothing_also_when_it_fails(cli: Client) -> None:
    assert cli("run", "--rm", "--name", "short", "busybox", "false", check=False).code == 1
    assert until(lambda: cli("ps", "-aq", "--filter", "name=short").out == "")


@pytest.mark.pulls
def test_a_missing_image_is_pulled_on_the_way(cli: Client) -> None:
    name = "redis:latest"
    result = cli("run", "--rm", name, "echo", "came")
    assert result.out == "came\n"
    assert result.err.startswith(f"Unable to find image '{name}' locally\n")
    assert f"Status: Downloaded newer image for {name}" in result.err
    again = cli("run", "--rm", name, "echo", "was there")
    assert (again.out, again.err) == ("was there\n", "")
    always = cli("run", "--rm", "--pull", "always", name, "true")
    assert f"Status: Image is up to date for {name}" in always.err
    cli("rmi", name)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_signals_of_the_client_go_to_the_container(cli: Client, number: signal.Signals) -> None:
    name = fresh()
    script = f"trap 'echo heard; exit 9' {number.name[3:]}; echo up; while :; do sleep 0.05; done"
    running = cli.start("run", "--rm", "--name", name, "busybox", "sh", "-c", script)
    assert running.stdout is not None
    assert running.stdout.readline() == b"up\n"
    running.send_signal(number)
    assert running.communicate(timeout=10)[0] == b"heard\n"
    assert running.returncode == 9


def test_ctrl_c_at_a_terminal_ends_the_process_inside(cli: Client) -> None:
    name = fresh()
    screen = cli.terminal("run", "-it", "--rm", "--name", name, "busybox", "sh", "-c", "tr a-z A-Z; exit $?")
    screen.type("listening\n")
    screen.expect("LISTENING")
    screen.type("\x03")
    assert screen.wait() == 130


def test_a_terminal_has_size_name_and_type(cli: Client) -> None:
    screen = cli.terminal("run", "-it", "--rm", "busybox", "sh", size=(30, 90))
    screen.type("until [ \"$(stty size)\" = '30 90' ]; do :; done; echo si''zed; tty; echo $TERM\n")
    screen.expect("sized")
    screen.expect("/dev/pts/0")
    screen.expect("xterm")
    screen.resize(41, 77)
    screen.type("until [ \"$(stty size)\" = '41 77' ]; do :; done; echo resi''zed\n")
    screen.expect("resized")
    screen.type("exit 7\n")
    assert screen.wait() == 7


def test_t_without_a_terminal_is_refused(cli: Client) -> None:
    result = cli("run", "--rm", "-it", "busybox", "true", check=False)
    assert result.code == 1
    assert "the input device is not a TTY" in result.err


def test_detaching_leaves_it_running(cli: Client) -> None:
    name = fresh()
    screen = cli.terminal("run", "-it", "--name", name, "busybox", "sh")
    screen.type("echo re''ady\n")
    screen.expect("ready")
    screen.type("\x10\x11")
    assert screen.wait() == 0
    assert state(cli, name)["Running"] is True
    cli("rm", "-f", name)


def test_a_client_that_dies_does_not_take_its_container_along(cli: Client) -> None:
    name = fresh()
    running = cli.start("run", "--name", name, "busybox", "sh", "-c", "echo up; exec sleep 1000")
    assert running.stdout is not None
    assert running.stdout.readline() == b"up\n"
    running.kill()
    running.communicate()
    assert running.returncode == -signal.SIGKILL
    assert state(cli, name)["Running"] is True
    cli("rm", "-f", name)


def test_a_reader_that_went_away_does_not_stop_the_container(cli: Client) -> None:
    script = "i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done; exit 3"
    name = fresh()
    running = cli.start("run", "--name", name, "busybox", "sh", "-c", script)
    assert running.stdout is not None
    running.stdout.readline()
    running.stdout.close()
    assert cli("wait", name).out == "3\n"
    running.kill()
    running.wait()
    assert cli("logs", "-n", "1", name).out == "19999\n"
    cli("rm", name)
