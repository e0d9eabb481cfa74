"""Every other verb, and Docker's sentences and exit codes, in both spellings."""

import json
import os
import re
from collections.abc import Callable

import pytest

from harness.clients import Client
from harness.waiting import until

Run = Callable[..., str]


def state(cli: Client, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(cli("inspect", name).out)[0]["State"]
    return found


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["run", "--nonsense", "busybox"], 125, "unknown flag: --nonsense"),
        (["ps", "--nonsense"], 125, "unknown flag: --nonsense"),
        (["run", "--pull", "never", "absent:1", "x"], 125, "No such image: absent:1"),
        (["run", "--pull", "bogus", "busybox"], 125, "invalid pull option: 'bogus'"),
        (["run", "--rm", "busybox", "nosuch"], 127, 'exec: "nosuch": executable file not found in $PATH'),
        (["run", "--rm", "busybox", "/etc/passwd"], 126, "permission denied"),
        (["run", "--rm", "-w", "rel", "busybox", "pwd"], 125, "the working directory 'rel' is invalid"),
        (["run", "--rm", "-u", "nouser", "busybox", "id"], 125, "unable to find user nouser: no matching"),
        (["run", "--rm", "--name", "a", "busybox"], 125, "Invalid container name (a), only"),
        (["run", "--rm", "--cap-add", "BOGUS", "busybox"], 125, 'unknown capability: "CAP_BOGUS"'),
        (["run", "--rm", "-m", "1m", "busybox"], 125, "Minimum memory limit allowed is 6MB"),
        (["run", "--rm", "-p", "abc:80", "busybox"], 125, "invalid hostPort: abc"),
        (["run", "--rm", "-v", "rel/x:/m", "busybox"], 125, "includes invalid characters for a local volume"),
        (["run", "--rm", "-v", "/tmp:/m:zz", "busybox"], 125, "invalid mode: zz"),
        (["run", "--rm", "--restart", "always", "busybox"], 125, "cannot specify both --restart and --rm"),
        (["run", "--rm", "--network", "nonet", "busybox"], 125, "network nonet not found"),
        (["run", "--rm", "Busybox"], 125, "must be lowercase"),
        (["stop", "absent"], 1, "No such container: absent"),
        (["rm", "absent"], 1, "No such container: absent"),
        (["inspect", "absent"], 1, "No such object: absent"),
        (["rmi", "absent"], 1, "No such image: absent"),
        (["exec", "absent", "true"], 1, "No such container: absent"),
        (["volume", "rm", "absent"], 1, "get absent: no such volume"),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else None,
)
def test_errors_in_dockers_words(cli: Client, arguments: list[str], code: int, sentence: str) -> None:
    result = cli(*arguments, check=False)
    assert sentence in result.err
    assert result.code == code


def test_rm_f_of_nothing_is_no_failure(cli: Client) -> None:
    result = cli("rm", "-f", "absent", check=False)
    assert (result.code, result.out) == (0, "")
    assert "No such container: absent" in result.err


def test_a_name_is_taken_once(cli: Client, container: Run) -> None:
    name = container("busybox", "sleep", "1000")
    again = cli("create", "--name", name, "busybox", check=False)
    assert f'The container name "/{name}" is already in use by container' in again.err


def test_what_a_state_forbids(cli: Client, container: Run) -> None:
    name = container("busybox", "sleep", "1000")
    assert (
        "container is running: stop the container before removing or force"
        in cli("rm", name, check=False).err
    )
    assert cli("start", name).out == f"{name}\n", "already so is a result"
    cli("stop", "-t", "0", name)
    assert cli("stop", name).out == f"{name}\n"
    assert re.search(
        r"cannot kill container: \S+: container \S+ is not running", cli("kill", name, check=False).err
    )
    assert "is not running" in cli("exec", name, "true", check=False).err
    same = cli("rename", name, name, check=False).err
    assert "Renaming a container with the same name as its current name" in same


def test_several_at_once_go_on_after_a_failure(cli: Client, container: Run) -> None:
    one, two = container("busybox", "sleep", "1000"), container("busybox", "sleep", "1000")
    result = cli("kill", one, "absent", two, check=False)
    assert (result.code, result.out) == (1, f"{one}\n{two}\n")
    assert "No such container: absent" in result.err


def test_logs(cli: Client, container: Run) -> None:
    script = "echo one; sleep 0.1; echo two >&2; sleep 0.1; echo three; sleep 1000"
    name = container("busybox", "sh", "-c", script)
    until(lambda: "three" in cli("logs", name).out)
    result = cli("logs", name)
    assert (result.out, result.err) == ("one\nthree\n", "two\n")
    assert cli("logs", "--tail", "1", name).out == "three\n"
    assert cli("logs", "-n", "0", name).out == ""
    stamped = cli("logs", "-t", name).out.splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z one", stamped[0])
    moment = stamped[1].partition(" ")[0]
    assert cli("logs", "--since", moment, name).out == "three\n"
    assert cli("logs", "--until", "2020-01-01T00:00:00Z", name).out == ""


def test_logs_follow_until_the_end(cli: Client, container: Run) -> None:
    name = container("busybox", "sh", "-c", "for i in 1 2 3 4 5; do echo $i; sleep 0.1; done")
    assert cli("logs", "-f", name).out == "1\n2\n3\n4\n5\n"


def test_a_long_line_and_bytes_that_are_no_text(cli: Client, container: Run) -> None:
    name = container("busybox", "sh", "-c", "head -c 40000 /dev/zero | tr '\\0' x; echo; echo end")
    until(lambda: cli("logs", "-n", "1", name).out == "end\n")
    assert cli("logs", name).out == "x" * 40000 + "\nend\n"


def test_exec(cli: Client, container: Run) -> None:
    name = container("busybox", "sleep", "1000")
    assert cli("exec", name, "sh", "-c", "exit 42", check=False).code == 42
    assert cli("exec", "-i", name, "cat", stdin=b"in and out").out == "in and out"
    assert (
        cli("exec", "-e", "A=1", "-w", "/tmp", "-u", "33", name, "sh", "-c", "echo $A $PWD $(id -u)").out
        == "1 /tmp 33\n"
    )
    apart = cli("exec", name, "sh", "-c", "echo out; echo err >&2")
    assert (apart.out, apart.err) == ("out\n", "err\n")
    missing = cli("exec", name, "nosuch", check=False)
    assert missing.code == 127
    assert (
        "OCI runtime exec failed: exec failed: unable to start container process: exec:"
        in missing.err + missing.out
    )
    assert cli("exec", "-d", name, "sh", "-c", "echo done >/tmp/mark").out == ""
    assert until(lambda: cli("exec", name, "cat", "/tmp/mark", check=False).out == "done\n")


def test_wait_and_kill(cli: Client, container: Run) -> None:
    name = container("busybox", "sh", "-c", "trap 'exit 5' USR1; while :; do sleep 0.05; done")
    waiting = cli.start("wait", name)
    until(lambda: cli("exec", name, "true").code == 0)
    assert cli("kill", "-s", "USR1", name).out == f"{name}\n"
    assert waiting.communicate()[0] == b"5\n"


def test_restart_is_another_process(cli: Client, container: Run) -> None:
    name = container("busybox", "sleep", "1000")
    before = state(cli, name)["StartedAt"]
    assert cli("restart", "-t", "0", name).out == f"{name}\n"
    assert state(cli, name)["StartedAt"] != before
    assert state(cli, name)["Running"] is True


def test_rename(cli: Client) -> None:
    first, second = f"t{os.urandom(4).hex()}", f"t{os.urandom(4).hex()}"
    cli("create", "--name", first, "busybox")
    cli("rename", first, second)
    assert cli("ps", "-a", "--format", "{{.Names}}").out == f"{second}\n"
    cli("rm", second)


def test_attach_and_leave_by_the_detach_keys(cli: Client) -> None:
    name = f"t{os.urandom(4).hex()}"
    cli("run", "-dit", "--name", name, "busybox", "sh")
    screen = cli.terminal("attach", name)
    screen.type("echo atta''ched\n")
    screen.expect("attached")
    screen.type("\x10\x11")
    assert screen.wait() in (0, 1)
    assert state(cli, name)["Running"] is True
    cli("rm", "-f", name)


def test_start_attached_gives_the_exit_code(cli: Client) -> None:
    name = f"t{os.urandom(4).hex()}"
    cli("create", "--name", name, "busybox", "sh", "-c", "echo hello; exit 3")
    result = cli("start", "-a", name, check=False)
    assert (result.code, result.out) == (3, "hello\n")
    cli("rm", name)


def test_events_of_a_short_life(cli: Client) -> None:
    name = f"t{os.urandom(4).hex()}"
    cli("run", "--rm", "--name", name, "busybox", "true")
    told = until(
        lambda: _destroyed(
            cli("events", "--since", "1m", "--until", "0s", "--filter", f"container={name}").out
        )
    )
    actions = [line.split()[2] for line in told.splitlines()]
    assert actions[0] == "create"
    assert [one for one in actions if one in ("create", "start", "die", "destroy")] == [
        "create",
        "start",
        "die",
        "destroy",
    ]
    assert "exitCode=0" in told


def _destroyed(text: str) -> str:
    return text if "destroy" in text else ""


def test_ps_filters_and_formats(cli: Client, container: Run) -> None:
    name = container("busybox", "sleep", "1000")
    identity = json.loads(cli("inspect", name).out)[0]["Id"]
    assert cli("ps", "-q").out == f"{identity[:12]}\n"
    assert cli("ps", "-q", "--no-trunc").out == f"{identity}\n"
    assert cli("ps", "-q", "--filter", "status=exited").out == ""
    assert cli("ps", "-q", "--filter", "ancestor=busybox").out == f"{identity[:12]}\n"
    assert (
        cli("ps", "-n", "1", "--format", "{{.ID}} {{.Image}} {{.State}}").out
        == f"{identity[:12]} busybox running\n"
    )
    row = json.loads(cli("ps", "--format", "json").out)
    assert (row["Names"], row["Image"], row["State"]) == (name, "busybox", "running")
    table = cli("ps", "--format", "table {{.Names}}\t{{.Status}}").out.splitlines()
    assert table[0].split() == ["NAMES", "STATUS"]
    assert table[1].split()[:2] == [name, "Up"]


def test_inspect_format(cli: Client, container: Run) -> None:
    name = container("--label", "a=b", "busybox", "sleep", "1000")
    shown = cli("inspect", "-f", '{{.State.Status}} {{index .Config.Labels "a"}} {{len .Id}}', name).out
    assert shown == "running b 64\n"
    assert cli("inspect", "absent", check=False).out == "[]\n"


def test_images_tagged_and_removed(cli: Client) -> None:
    cli("tag", "busybox", "mine/box:1")
    assert "mine/box" in cli("images", "--format", "{{.Repository}}").out.split()
    assert cli("run", "--rm", "mine/box:1", "echo", "same").out == "same\n"
    assert cli("rmi", "mine/box:1").out.splitlines() == ["Untagged: mine/box:1"]
    assert cli("images", "-q", "mine/box").out == ""


def test_load_and_import(cli: Client) -> None:
    archive = os.path.join(os.environ.get("SAMPAN_TEST_IMAGES", "/var/tmp/sampan-test-images"), "busybox.tar")
    assert cli("load", "-i", archive).out.splitlines()[-1] == "Loaded image: busybox:latest"
    with open(archive, "rb") as file:
        assert cli("load", "-q", stdin=file.read()).out == "Loaded image: busybox:latest\n"
    layer = os.path.join(os.path.dirname(archive), "layers", "busybox.tar")
    identity = cli("import", "-c", 'CMD ["echo", "imported"]', layer, "flat:1").out.strip()
    assert identity.startswith("sha256:")
    assert cli("run", "--rm", "flat:1").out == "imported\n"
    cli("rmi", "flat:1")


def test_version_and_info(cli: Client) -> None:
    assert cli("version", "--format", "{{.Server.APIVersion}}").out.startswith("1.")
    assert cli("info", "--format", "{{.OSType}} {{.Driver}} {{.CgroupVersion}}").out.split()[0] == "linux"


def test_a_slow_reader_of_events_does_not_matter(cli: Client) -> None:
    reader = cli.start("events")
    for _ in range(5):
        cli("run", "--rm", "busybox", "true")
    reader.kill()
    reader.communicate()


def test_the_image_of_a_container_by_its_name_or_its_id(cli: Client, new_image: Callable[[], str]) -> None:
    """By the name only as long as that is the same image (moby's daemon/list.go, refreshImage)."""
    first, other = new_image(), new_image()
    for image in (first, other):
        cli("import", "-", image, stdin=bytes(10240))
    name = cli("create", first, "true").out.strip()
    try:
        shown = ("ps", "-a", "--filter", f"id={name}", "--format", "{{.Image}}")
        assert cli(*shown).out == f"{first}\n"
        identity = cli("inspect", "-f", "{{.Id}}", first).out.strip()
        cli("tag", other, first)
        assert cli(*shown).out == f"{identity[7:19]}\n"
    finally:
        cli("rm", name)
        cli("rmi", "-f", identity)
