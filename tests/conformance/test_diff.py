"""`diff`: what a container has changed, as Docker tells it."""

import os
from collections.abc import Callable
from pathlib import Path

from harness.clients import Client

Run = Callable[..., str]
SCRIPT = """
echo x >/etc/passwd; mkdir -p /new/dir; touch /new/dir/f; rm /bin/ls; rm -r /home; mkdir /home; touch /home/q
rm -rf /usr/sbin; ln -s /etc/passwd /link; chmod 700 /var/www; rm /bin/cat; mkdir /bin/cat; touch /bin/cat/x
mkfifo /tmp/pipe; rm -r /root; echo >/root
"""
EXPECTED = """\
A /a
A /a/b
A /a/b/c
C /bin
C /bin/cat
A /bin/cat/x
D /bin/ls
C /etc
C /etc/passwd
C /home
A /home/q
A /link
A /new
A /new/dir
A /new/dir/f
C /root
C /tmp
A /tmp/pipe
C /usr
D /usr/sbin
C /var
C /var/www
A /vol
"""


def told(cli: Client, name: str) -> list[str]:
    """Docker's order is that of a hash table."""
    return sorted(cli("diff", name).out.splitlines(), key=lambda line: line[2:])


def test_everything_that_can_be_changed(cli: Client, container: Run) -> None:
    name = container("-v", "/vol", "-v", "/a/b/c", "busybox", "sh", "-c", SCRIPT)
    cli("wait", name)
    assert told(cli, name) == EXPECTED.splitlines()


def test_nothing_changed(cli: Client, container: Run) -> None:
    name = container("busybox", "true")
    cli("wait", name)
    assert cli("diff", name).out == ""


def test_while_it_runs(cli: Client, container: Run) -> None:
    name = container("busybox", "sleep", "100")
    cli("exec", name, "touch", "/tmp/one")
    assert told(cli, name) == ["C /tmp", "A /tmp/one"]
    cli("exec", name, "rm", "/tmp/one")
    assert told(cli, name) == ["C /tmp"]


def test_one_that_never_ran(cli: Client) -> None:
    name = cli("create", "busybox", "true").out.strip()
    assert cli("diff", name).out == ""
    cli("rm", name)
    refused = cli("diff", name, check=False)
    assert refused.code == 1
    assert "No such container" in refused.err


def test_links_lead_nowhere(cli: Client, container: Run, tmp_path: Path) -> None:
    """A link out of the container, and a directory in its place a moment later."""
    (tmp_path / "secret").write_text("")
    name = container("busybox", "sh", "-c", f"ln -s {tmp_path} /out; rm -r /home; ln -s {tmp_path} /home")
    cli("wait", name)
    assert told(cli, name) == ["C /home", "A /out"]
    assert os.listdir(tmp_path) == ["secret"]
