"""`push`, `login`, `logout`: digests survive, blobs are not sent twice, nobody gets in without a password."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import guarded
from harness.clients import Client

Run = Callable[..., str]
Name = Callable[[], str]
pytestmark = pytest.mark.skipif(not guarded.INSTALLED, reason="docker-registry or openssl is not installed")


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry without a password."""
    with guarded.serve(tmp_path_factory.mktemp("registry"), guarded=False) as address:
        yield address


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One behind TLS and a password."""
    with guarded.serve(tmp_path_factory.mktemp("locked")) as address:
        yield address


@pytest.fixture
def named(cli: Client) -> Iterator[Callable[[str, str], str]]:
    """`named("busybox", "ADDRESS/x")` is one more name of an image, taken away in the end."""
    given: list[str] = []

    def name(image: str, target: str) -> str:
        cli("tag", image, target)
        given.append(target)
        return target

    yield name
    for target in given:
        cli("rmi", "-f", target, check=False)


def digest_of(cli: Client, image: str, name: str) -> str:
    found = json.loads(cli("inspect", "-f", "{{json .RepoDigests}}", image).out)
    digests = {entry.partition("@")[2] for entry in found if entry.startswith(f"{name}@")}
    assert len(digests) == 1
    return str(digests.pop())


def test_a_pulled_image_has_the_same_digest_elsewhere(
    cli: Client, second: str, named: Callable[[str, str], str]
) -> None:
    name = f"{second}/{cli.name}/one"
    named("busybox", f"{name}:latest")
    said = cli("push", name).out
    digest = digest_of(cli, "busybox", "busybox")
    assert f"The push refers to repository [{name}]" in said
    assert f"latest: digest: {digest} size: " in said
    assert digest_of(cli, "busybox", name) == digest
    again = cli("push", name).out
    assert "Layer already exists" in again
    assert "Pushed" not in again


def test_a_sibling_lends_its_blobs(cli: Client, second: str, named: Callable[[str, str], str]) -> None:
    first, other = f"{second}/{cli.name}/first", f"{second}/{cli.name}/other"
    cli("push", named("nginx", f"{first}:latest"))
    said = cli("push", named("nginx", f"{other}:latest")).out
    assert f"Mounted from {second}/{cli.name}/" in said


def test_a_committed_image_comes_back(
    cli: Client, second: str, container: Run, named: Callable[[str, str], str], new_image: Name
) -> None:
    script = "dd if=/dev/urandom of=/big bs=1M count=20 2>/dev/null; sha256sum /big > /sum"
    box, image = container("busybox", "sh", "-c", script), new_image()
    cli("wait", box)
    cli("commit", box, image)
    name = f"{second}/{cli.name}/made"
    for tag in ("a", "b"):
        named(image, f"{name}:{tag}")
    said = cli("push", "-a", name).out
    assert [line.split(":")[0] for line in said.splitlines() if ": digest: sha256:" in line] == ["a", "b"]
    identity = cli("inspect", "-f", "{{.Id}}", image).out
    cli("rm", "-f", box)
    cli("rmi", "-f", identity.strip())
    cli("pull", "-q", f"{name}:a")
    assert cli("inspect", "-f", "{{.Id}}", f"{name}:a").out == identity
    assert cli("run", "--rm", f"{name}:a", "sha256sum", "-c", "/sum").out == "/big: OK\n"


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
def test_skopeo_reads_what_we_pushed(
    cli: Client, second: str, named: Callable[[str, str], str], tmp_path: Path
) -> None:
    name = f"{second}/{cli.name}/skopeo:x"
    cli("push", named("debian", name))
    source, target = f"docker://{name}", f"dir:{tmp_path}/d"
    command = ["skopeo", "copy", "-q", "--insecure-policy", "--src-tls-verify=false", source, target]
    subprocess.run(command, check=True, timeout=120)
    manifest = json.loads((tmp_path / "d" / "manifest.json").read_text())
    assert all((tmp_path / "d" / layer["digest"][7:]).exists() for layer in manifest["layers"])


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
def test_we_read_what_skopeo_pushed(cli: Client, second: str, new_image: Name, tmp_path: Path) -> None:
    """From our archive to a registry by skopeo, and back here: the same image."""
    image, name = new_image(), f"{second}/{cli.name}/by-skopeo:x"
    cli("import", "-", f"{image}:x", stdin=bytes(10240))
    cli("save", "-o", f"{tmp_path}/a.tar", f"{image}:x")
    identity = cli("inspect", "-f", "{{.Id}}", f"{image}:x").out
    cli("rmi", f"{image}:x")
    source, target = f"docker-archive:{tmp_path}/a.tar", f"docker://{name}"
    command = ["skopeo", "copy", "-q", "--insecure-policy", "--dest-tls-verify=false", source, target]
    subprocess.run(command, check=True, timeout=120)
    cli("pull", name)
    assert cli("inspect", "-f", "{{.Id}}", name).out == identity
    cli("rmi", name)


def test_nobody_gets_in_without_a_password(
    cli: Client, locked: str, named: Callable[[str, str], str], tmp_path: Path
) -> None:
    me = Client(cli.name, cli.program, {**cli.environment, "DOCKER_CONFIG": str(tmp_path / "config")})
    name = named("busybox", f"{locked}/{cli.name}/x:1")
    assert "no basic auth credentials" in me("push", name, check=False).err
    wrong = me("login", "-u", guarded.USER, "--password-stdin", locked, stdin=b"wrong", check=False)
    assert wrong.code == 1
    assert "401 Unauthorized" in wrong.err
    assert not (tmp_path / "config" / "config.json").exists()
    right = me("login", "-u", guarded.USER, "--password-stdin", locked, stdin=guarded.PASSWORD.encode())
    assert right.out.strip().endswith("Login Succeeded")
    assert "stored unencrypted" in right.err
    mode = (tmp_path / "config" / "config.json").stat().st_mode
    assert mode & 0o077 == 0
    assert ": digest: sha256:" in me("push", name).out
    me("pull", "-q", name)
    assert me("logout", locked).out == f"Removing login credentials for {locked}\n"
    assert "no basic auth credentials" in me("push", name, check=False).err
    assert guarded.PASSWORD not in (tmp_path / "config" / "config.json").read_text()


HELPER = """#!/bin/sh
dir=$(dirname "$0")/kept; mkdir -p $dir
case $1 in
store) cat > $dir/it;;
get) [ -e $dir/it ] || { echo credentials not found in native keychain; exit 1; }; cat $dir/it;;
erase) rm -f $dir/it;;
esac
"""


def test_a_credential_helper_keeps_the_password(
    cli: Client, locked: str, named: Callable[[str, str], str], tmp_path: Path
) -> None:
    (tmp_path / "docker-credential-chest").write_text(HELPER)
    (tmp_path / "docker-credential-chest").chmod(0o755)
    (tmp_path / "config.json").write_text('{"credsStore": "chest"}')
    path = f"{tmp_path}:{cli.environment['PATH']}"
    environment = {**cli.environment, "DOCKER_CONFIG": str(tmp_path), "PATH": path}
    me = Client(cli.name, shutil.which(cli.program) or cli.program, environment)
    me("login", "-u", guarded.USER, "--password-stdin", locked, stdin=guarded.PASSWORD.encode())
    assert "auth" not in json.loads((tmp_path / "config.json").read_text())["auths"][locked]
    assert json.loads((tmp_path / "kept" / "it").read_text())["Secret"] == guarded.PASSWORD
    name = named("busybox", f"{locked}/{cli.name}/helper:1")
    assert ": digest: sha256:" in me("push", name).out
    me("logout", locked)
    assert os.listdir(tmp_path / "kept") == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["push", "absent/name:1"], "An image does not exist locally with the tag: absent/name"),
        (["push", "-a", "busybox:latest"], "tag can't be used with --all-tags/-a"),
        (["push", "Upper"], "must be lowercase"),
        (["login", "-u", "x", "127.0.0.1:9"], "non TTY"),
    ],
)
def test_what_is_refused(cli: Client, arguments: list[str], sentence: str) -> None:
    refused = cli(*arguments, check=False)
    assert refused.code == 1
    assert sentence.lower() in refused.err.lower()


def test_logout_of_nowhere(cli: Client, tmp_path: Path) -> None:
    me = Client(cli.name, cli.program, {**cli.environment, "DOCKER_CONFIG": str(tmp_path)})
    assert me("logout", "nowhere.example").out == "Removing login credentials for nowhere.example\n"


def test_what_the_registry_says_of_an_image(
    cli: Client, second: str, named: Callable[[str, str], str]
) -> None:
    name = named("busybox", f"{second}/{cli.name}/manifest:1")
    cli("push", name)
    shown = json.loads(cli("manifest", "inspect", "--insecure", name).out)
    assert shown["schemaVersion"] == 2
    assert len(shown["layers"]) == 1


def test_all_tags_come_back(cli: Client, second: str, named: Callable[[str, str], str]) -> None:
    name = f"{second}/{cli.name}/many"
    for tag in ("one", "two"):
        cli("push", named("busybox", f"{name}:{tag}"))
    cli("rmi", f"{name}:one", f"{name}:two")
    said = cli("pull", "-a", name).out
    assert set(cli("images", "--format", "{{.Tag}}", name).out.split()) == {"one", "two"}
    assert said.splitlines()[-1] == name
