"""`port` and `history`, with all their arguments."""

import json
from collections.abc import Callable

import pytest

from harness.clients import Client

Run = Callable[..., str]


def test_port(cli: Client, container: Run) -> None:
    name = container("-p", "127.0.0.1::80", "-p", "127.0.0.1::90/udp", "busybox", "sleep", "100")
    lines = cli("port", name).out.splitlines()
    assert [line.partition(" -> ")[0] for line in lines] == ["80/tcp", "90/udp"]
    web, other = (line.partition(" -> ")[2] for line in lines)
    for wanted, place in (("80", web), ("80/tcp", web), ("90/udp", other)):
        assert cli("port", name, wanted).out == f"{place}\n"
    for wanted, sentence in (
        ("90", f"No public port '90' published for {name}"),
        ("x", 'invalid port (x): strconv.ParseUint: parsing "x": invalid syntax'),
        ("70000", 'invalid port (70000): strconv.ParseUint: parsing "70000": value out of range'),
    ):
        refused = cli("port", name, wanted, check=False)
        assert (refused.code, refused.out) == (1, "")
        assert sentence in refused.err


def test_port_of_what_publishes_nothing(cli: Client, container: Run) -> None:
    assert cli("port", container("busybox", "sleep", "100")).out == ""


def test_history(cli: Client) -> None:
    head, *rows = cli("history", "busybox").out.splitlines()
    assert head.split() == ["IMAGE", "CREATED", "CREATED", "BY", "SIZE", "COMMENT"]
    identity = cli("inspect", "-f", "{{.Id}}", "busybox").out.strip()
    assert rows[0].split()[0] == identity.removeprefix("sha256:")[:12]
    assert cli("history", "-q", "--no-trunc", "busybox").out.split()[0] == identity
    row = json.loads(cli("history", "--format", "json", "busybox").out.splitlines()[0])
    assert set(row) == {"Comment", "CreatedAt", "CreatedBy", "CreatedSince", "ID", "Size"}
    plain = cli("history", "--human=false", "--format", "{{.Size}} {{.CreatedAt}}", "busybox").out.split()
    assert plain[0].isdecimal()
    assert plain[1][10] == "T"


@pytest.mark.ours("the reference's client knows --platform since API 1.48")
def test_history_of_a_platform(cli: Client) -> None:
    own = cli("inspect", "-f", "{{.Os}}/{{.Architecture}}", "busybox").out.strip()
    assert cli("history", "--platform", own, "-q", "busybox").out == cli("history", "-q", "busybox").out
    other = "linux/s390x"
    refused = cli("history", "--platform", other, "busybox", check=False)
    assert refused.code == 1
    assert f"was found but does not provide the specified platform ({other})" in refused.err
    refused = cli("history", "--platform", "a/b/c/d", "busybox", check=False)
    assert 'invalid platform: "a/b/c/d": cannot parse platform specifier' in refused.err
