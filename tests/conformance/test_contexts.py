"""`context …`, by both clients, and each reading what the other wrote."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.clients import Client, ours, stock

Both = tuple[Client, Client]


@pytest.fixture(params=["sampan", "docker"])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Both:
    """(this client, the other one), with one configuration directory."""
    environment = {
        "PATH": os.environ["PATH"],
        "DOCKER_CONFIG": str(tmp_path / "docker"),
        "SAMPAN_PYTHON": sys.executable,
    }
    clients = ours(environment), stock(environment)
    return clients if request.param == "sampan" else clients[::-1]


@pytest.fixture
def alone(both: Both) -> Client:
    return both[0]


FAR = "host=tcp://192.0.2.1:2375"


def test_made_by_one_read_by_the_other(both: Both) -> None:
    one, other = both
    made = one("context", "create", "far", "--description", "over there", "--docker", FAR)
    assert (made.out, made.err) == ("far\n", 'Successfully created context "far"\n')
    assert other("context", "ls", "-q").out == "default\nfar\n"
    shown = "{{.Name}} {{.Endpoints.docker.Host}}"
    assert other("context", "inspect", "-f", shown, "far").out == "far tcp://192.0.2.1:2375\n"
    assert one("context", "inspect", "far").out == other("context", "inspect", "far").out
    other("context", "update", "far", "--description", "nearer")
    assert '"nearer"' in one("context", "ls", "--format", "json").out
    assert one("context", "ls", "--format", "json").out.split("\n")[1] == (
        '{"Current":false,"Description":"nearer","DockerEndpoint":"tcp://192.0.2.1:2375","Error":"","Name":"far"}'
    )
    assert other("context", "rm", "far").out == "far\n"
    assert one("context", "ls", "-q").out == "default\n"


def test_a_table(alone: Client) -> None:
    alone("context", "create", "far", "--docker", FAR)
    header, default, far = alone("context", "ls").out.splitlines()
    assert header.split() == ["NAME", "DESCRIPTION", "DOCKER", "ENDPOINT", "ERROR"]
    assert default.startswith("default *   Current DOCKER_HOST based configuration   unix:///")
    assert far.split() == ["far", "tcp://192.0.2.1:2375"]


def test_numbers_are_sorted_by_value(alone: Client) -> None:
    for name in ("web10", "web2", "web"):
        alone("context", "create", name, "--docker", FAR)
    assert alone("context", "ls", "-q").out.split() == ["default", "web", "web2", "web10"]


def test_the_one_in_use(both: Both) -> None:
    one, other = both
    assert one("context", "show").out == "default\n"
    one("context", "create", "far", "--docker", FAR)
    used = one("context", "use", "far")
    assert (used.out, used.err) == ("far\n", 'Current context is now "far"\n')
    assert other("context", "show").out == "far\n"
    refused = one("context", "rm", "far", check=False)
    assert (refused.code, refused.err) == (1, 'context "far" is in use, set -f flag to force remove\n')
    assert one("context", "rm", "-f", "far").out == "far\n"
    assert other("context", "show").out == "default\n"


def with_(client: Client, **environment: str) -> Client:
    return Client(client.name, client.program, {**client.environment, **environment})


def test_precedence(alone: Client) -> None:
    """--context, -H, DOCKER_HOST, DOCKER_CONTEXT, currentContext, in this order."""
    for name in ("one", "two", "three"):
        alone("context", "create", name, "--docker", FAR)
    alone("context", "use", "one")
    two = with_(alone, DOCKER_CONTEXT="two")
    assert two("context", "show").out == "two\n"
    host = with_(two, DOCKER_HOST="unix:///nowhere")
    assert host("context", "show").out == "default\n"
    assert host("--context", "three", "context", "show").out == "three\n"
    assert two("-H", "unix:///nowhere", "context", "show").out == "default\n"
    warned = host("context", "use", "two")
    assert warned.err == (
        'Current context is now "two"\n'
        "Warning: DOCKER_HOST environment variable overrides the active context. "
        'To use "two", either set the global --context flag, or unset DOCKER_HOST environment variable.\n'
    )
    assert (
        "Warning: DOCKER_HOST environment variable overrides the active context." in host("context", "ls").err
    )
    both = alone("--context", "one", "-H", "unix:///x", "ps", check=False)
    assert both == (1, "", "conflicting options: cannot specify both --host and --context\n")


def test_one_that_is_not_there(alone: Client) -> None:
    result = alone("--context", "none", "ps", check=False)
    assert result.code == 1
    assert result.err.startswith(
        'Failed to initialize: unable to resolve docker endpoint: context "none": context not found: open '
    )
    assert result.err.endswith("/meta.json: no such file or directory\n")
    assert "none *" in with_(alone, DOCKER_CONTEXT="none")("context", "ls").out
    inspected = alone("context", "inspect", "none", check=False)
    assert (inspected.code, inspected.out) == (1, "[]\n")
    assert inspected.err.startswith('context "none": context not found: open ')


REFUSED: list[tuple[list[str], str]] = [
    (["create", "far"], 'context "far" already exists'),
    (["create", "default"], '"default" is a reserved context name'),
    (
        ["create", "a b"],
        'context name "a b" is invalid, names are validated against regexp "^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$"',
    ),
    (
        ["create", "new", "--docker", "foo=bar"],
        "unable to create docker endpoint config: unrecognized config key: foo",
    ),
    (
        ["create", "new", "--docker", "host=there"],
        "unable to create docker endpoint config: unable to apply docker endpoint options: "
        "unable to parse docker host `there`",
    ),
    (
        ["create", "new", "--docker", f"{FAR},ca=/nonexistent"],
        "unable to create docker endpoint config: open /nonexistent: no such file or directory",
    ),
    (
        ["create", "new", "--docker", f"{FAR},skip-tls-verify=maybe"],
        'unable to create docker endpoint config: skip-tls-verify: parsing "maybe": invalid syntax',
    ),
    (["create", "new", "--from", "far", "--docker", FAR], "cannot use --docker flag when --from is set"),
    (
        ["create", "new", "--docker", f"{FAR},ca=/dev/null"],
        "unable to create docker endpoint config: invalid docker endpoint options: "
        "failed to retrieve context tls info: ca.pem seems invalid",
    ),
    (["rm", "default"], 'context "default" cannot be removed'),
    (["rm", "none"], 'context "none" does not exist'),
    (["import", "far", "/dev/null"], 'context "far" already exists'),
    (["import", "new", "/nonexistent"], "open /nonexistent: no such file or directory"),
]


@pytest.mark.parametrize(("words", "sentence"), REFUSED, ids=lambda value: " ".join(value)[:40])
def test_refused_and_nothing_changed(alone: Client, words: list[str], sentence: str) -> None:
    alone("context", "create", "far", "--docker", FAR)
    result = alone("context", *words, check=False)
    assert result == (1, "", sentence + "\n")
    assert alone("context", "ls", "-q").out == "default\nfar\n"


def test_a_value_without_a_key(alone: Client) -> None:
    result = alone("context", "create", "new", "--docker", "host", check=False)
    assert result.code == 125
    assert result.err.startswith(
        'invalid argument "host" for "--docker" flag: host must be formatted as key=value\n'
    )


def test_copies(alone: Client) -> None:
    alone("context", "create", "far", "--description", "there", "--docker", FAR)
    alone("context", "create", "copy", "--from", "far")
    alone("context", "create", "endpoint", "--docker", "from=far")
    shown = alone(
        "context", "ls", "--format", "{{.Name}}|{{.Description}}|{{.DockerEndpoint}}"
    ).out.splitlines()
    assert "copy|there|tcp://192.0.2.1:2375" in shown
    assert "endpoint||tcp://192.0.2.1:2375" in shown


def test_exported_by_one_imported_by_the_other(both: Both, tmp_path: Path) -> None:
    one, other = both
    pem = tmp_path / "ca.pem"
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    made = ["-keyout", str(tmp_path / "key.pem"), "-out", str(pem), "-subj", "/CN=ca"]
    subprocess.run([*request, *made], check=True, capture_output=True)
    one("context", "create", "far", "--docker", f"{FAR},ca={pem}")
    file = tmp_path / "far.tar"
    assert one("context", "export", "far", str(file)).err == f'Written file "{file}"\n'
    again = one("context", "export", "far", str(file), check=False)
    assert (again.code, again.err) == (1, f"open {file}: file exists\n")
    imported = other("context", "import", "near", str(file))
    assert (imported.out, imported.err) == ("near\n", 'Successfully imported context "near"\n')
    form = "{{.Endpoints.docker.Host}} {{.TLSMaterial.docker}}"
    assert one("context", "inspect", "-f", form, "near").out == "tcp://192.0.2.1:2375 [ca.pem]\n"
    streamed = one("context", "export", "far", "-").out
    other("context", "import", "third", "-", stdin=streamed.encode())
    assert one("context", "ls", "-q").out == "default\nfar\nnear\nthird\n"


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("bla://x", "unable to resolve docker endpoint: invalid bind address format: bla://x"),
        (
            "ssh://me:secret@far",
            "ssh host connection is not valid: invalid SSH URL: plain-text password is not supported",
        ),
        (
            "ssh://far/x?y",
            'ssh host connection is not valid: invalid SSH URL: query parameters are not allowed: "y"',
        ),
    ],
)
def test_hosts_that_are_none(alone: Client, host: str, sentence: str) -> None:
    assert alone("-H", host, "ps", check=False) == (1, "", f"Failed to initialize: {sentence}\n")


def test_npipe_is_for_windows(alone: Client) -> None:
    result = alone("-H", "npipe:////./pipe/docker_engine", "ps", check=False)
    assert result.code == 1
    assert result.err.startswith("Failed to initialize: ")
