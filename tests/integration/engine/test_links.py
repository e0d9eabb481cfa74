"""`--link` beyond one start: Docker's switch, and the hosts line over the end of a daemon."""

from harness.clients import Client
from harness.daemon import Daemon
from harness.looking import inspect


def test_variables_are_given_where_they_are_asked_for(own: Daemon, boat: Client) -> None:
    boat("run", "-d", "--name", "target", "-e", "X=1", "--expose", "80", "busybox", "sleep", "1000")
    command = (
        "run",
        "--rm",
        "--link",
        "target:web",
        "busybox",
        "sh",
        "-c",
        "env | grep -c ^WEB; grep -c web /etc/hosts",
    )
    assert boat(*command).out.split() == ["7", "1"]
    own.switches = {}
    own.restart()
    assert boat(*command).out.split() == ["0", "1"]


def test_a_line_that_was_not_told_is_told_by_the_next_daemon(own: Daemon, boat: Client) -> None:
    boat("run", "-d", "--name", "target", "busybox", "sleep", "1000")
    boat("run", "-d", "--name", "asking", "--link", "target:web", "busybox", "sleep", "1000")
    boat("rename", "target", "moved")
    own.kill()
    hosts = own.data / "containers" / inspect_id(own) / "hosts"
    text = hosts.read_text()
    place = next(line.split()[0] for line in text.splitlines() if "\tweb " in line)
    hosts.write_text(text.replace(f"{place}\tweb", "172.31.255.9\tweb"))
    own.start()
    line = boat("exec", "asking", "grep", "web", "/etc/hosts").out
    identity = str(inspect(boat, "moved")["Id"])[:12]
    assert line == f"{place}\tweb {identity} moved\n"


def inspect_id(daemon: Daemon) -> str:
    """Of the container with a link, as its files tell without a daemon."""
    return next(
        path.parent.name for path in daemon.data.glob("containers/*/hosts") if "\tweb " in path.read_text()
    )
