"""`container prune`, `volume prune`, `network prune`: what goes, what stays, and the question before."""

import os
import re
from collections.abc import Iterator

import pytest

from harness.clients import Client

QUESTION = "Are you sure you want to continue? [y/N] "


@pytest.fixture
def label(cli: Client) -> Iterator[str]:
    """On everything that a test makes here, so that nothing else is pruned."""
    text = f"prune={os.urandom(4).hex()}"
    yield text
    if left := cli("ps", "-aq", "--filter", f"label={text}").out.split():
        cli("rm", "-f", "-v", *left)
    if left := cli("volume", "ls", "-q", "--filter", f"label={text}").out.split():
        cli("volume", "rm", *left)


def test_containers(cli: Client, label: str) -> None:
    gone = cli("run", "-d", "--label", label, "busybox", "sh", "-c", "echo 12345 >/x").out.strip()
    cli("wait", gone)
    stays = cli("run", "-d", "--label", label, "busybox", "sleep", "100").out.strip()
    kept = cli("create", "--label", label, "--label", "keep", "busybox", "true").out.strip()
    done = cli("container", "prune", "-f", "--filter", f"label={label}", "--filter", "label!=keep").out
    assert re.fullmatch(rf"Deleted Containers:\n{gone}\n\nTotal reclaimed space: [0-9.]+k?B\n", done)
    left = cli("ps", "-aq", "--no-trunc", "--filter", f"label={label}").out.split()
    assert left == [kept, stays]
    assert cli("container", "prune", "-f", "--filter", "label=none").out == "Total reclaimed space: 0B\n"


def test_what_is_young_stays(cli: Client, label: str) -> None:
    cli("create", "--label", label, "busybox", "true")
    done = cli("container", "prune", "-f", "--filter", f"label={label}", "--filter", "until=1h")
    assert done.out == "Total reclaimed space: 0B\n"


@pytest.mark.parametrize("answer", [b"n\n", b"\n", b""])
def test_a_no(cli: Client, label: str, answer: bytes) -> None:
    kept = cli("create", "--label", label, "busybox", "true").out.strip()
    done = cli("container", "prune", "--filter", f"label={label}", stdin=answer)
    assert done.out == f"WARNING! This will remove all stopped containers.\n{QUESTION}"
    assert cli("ps", "-aq", "--no-trunc", "--filter", f"label={label}").out.split() == [kept]


def test_a_yes(cli: Client, label: str) -> None:
    gone = cli("create", "--label", label, "busybox", "true").out.strip()
    done = cli("container", "prune", "--filter", f"label={label}", stdin=b"y\n")
    assert f"{QUESTION}Deleted Containers:\n{gone}\n" in done.out


def test_volumes(cli: Client, label: str) -> None:
    """Without -a those with names stay."""
    named = f"v{os.urandom(4).hex()}"
    cli("volume", "create", "--label", label, named)
    nameless = cli("volume", "create", "--label", label).out.strip()
    one = ["volume", "prune", "-f", "--filter", f"label={label}"]
    assert cli(*one).out == f"Deleted Volumes:\n{nameless}\n\nTotal reclaimed space: 0B\n"
    holder = cli("create", "-v", f"{named}:/v", "--label", label, "busybox", "true").out.strip()
    assert cli(*one, "-a").out == "Total reclaimed space: 0B\n"
    cli("rm", holder)
    assert cli(*one, "-a").out == f"Deleted Volumes:\n{named}\n\nTotal reclaimed space: 0B\n"


@pytest.mark.parametrize(
    ("words", "warning"),
    [
        (["volume", "prune"], "anonymous local volumes not used by at least one container."),
        (["volume", "prune", "-a"], "all local volumes not used by at least one container."),
        (["network", "prune"], "all custom networks not used by at least one container."),
    ],
    ids=" ".join,
)
def test_the_questions(cli: Client, words: list[str], warning: str) -> None:
    assert cli(*words).out == f"WARNING! This will remove {warning}\n{QUESTION}"


def test_networks(cli: Client) -> None:
    before = cli("network", "ls", "-q").out
    assert cli("network", "prune", "-f", "--filter", "label=none").out == ""
    assert cli("network", "ls", "-q").out == before


@pytest.mark.parametrize(
    ("kind", "filters", "sentence"),
    [
        ("container", ["foo=1"], "nvalid filter 'foo'"),
        ("volume", ["foo=1"], "nvalid filter 'foo'"),
        ("network", ["foo=1"], "nvalid filter 'foo'"),
        ("container", ["until=bogus"], 'failed to parse value as time or duration: "bogus"'),
        ("container", ["until=24h", "until=3h"], "more than one until filter specified"),
    ],
)
def test_filters_that_are_none(cli: Client, kind: str, filters: list[str], sentence: str) -> None:
    words = [word for text in filters for word in ("--filter", text)]
    refused = cli(kind, "prune", "-f", *words, check=False)
    assert (refused.code, refused.out) == (1, "")
    assert sentence in refused.err
