"""`search` in the registry that stands for docker.io."""

import json

import pytest

from harness.clients import Client

pytestmark = pytest.mark.pulls


def test_the_table(cli: Client) -> None:
    head, *rows = cli("search", "busybox").out.splitlines()
    assert head.split() == ["NAME", "DESCRIPTION", "STARS", "OFFICIAL"]
    assert rows[0].split() == ["busybox", "0", "[OK]"]


def test_formats_and_limits(cli: Client) -> None:
    row = json.loads(cli("search", "--format", "json", "--limit", "1", "busybox").out)
    assert row == {"Description": "", "IsOfficial": "true", "Name": "busybox", "StarCount": "0"}
    names = ["search", "--format", "{{.Name}} {{.IsOfficial}}"]
    assert cli(*names, "--filter", "is-official=true", "busybox").out == "busybox [OK]\n"
    assert cli(*names, "--filter", "stars=3", "busybox").out == ""
    assert cli(*names, "no-such-image").out == ""


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--limit", "200", "x"], "200 is outside the range of [1, 100]"),
        (["--filter", "foo=1", "x"], "nvalid filter 'foo'"),
        (["--filter", "stars=x", "x"], "nvalid filter 'stars=x'"),
        (["--filter", "is-official=x", "x"], "nvalid filter 'is-official=[x]'"),
        ([], "'docker search' requires 1 argument"),
    ],
)
def test_what_is_refused(cli: Client, words: list[str], sentence: str) -> None:
    refused = cli("search", *words, check=False)
    assert (refused.code, refused.out) == (1, "")
    assert sentence.replace("'docker", f"'{cli.name}") in refused.err
