"""`image prune`, `system df`, `system prune`, `pull -a`, `import URL`."""

import functools
import http.server
import json
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.clients import Client

Run = Callable[..., str]
Name = Callable[[], str]


def ids(cli: Client) -> set[str]:
    return set(cli("images", "-aq", "--no-trunc").out.split())


@pytest.fixture
def dangling(cli: Client, container: Run) -> tuple[str, str]:
    """An image without a name, and the container that it was made of."""
    name = container("--label", "of=prune", "busybox", "sh", "-c", "echo 0123456789 > /f")
    cli("wait", name)
    return cli("commit", name).out.strip(), name


def test_images_without_a_name_go(cli: Client, dangling: tuple[str, str]) -> None:
    cli("rm", dangling[1])
    kept = cli("image", "prune", "-f", "--filter", "label!=of=prune").out
    assert dangling[0] in ids(cli), kept
    assert dangling[0] not in cli("image", "prune", "-f", "--filter", "until=24h").out
    said = cli("image", "prune", "-f").out.splitlines()
    assert said[0] == "Deleted Images:"
    assert f"deleted: {dangling[0]}" in said
    assert said[-1] == "Total reclaimed space: 11B"
    assert dangling[0] not in ids(cli)
    assert cli("image", "prune", "-f").out == "Total reclaimed space: 0B\n"


def test_what_a_container_uses_stays(cli: Client, dangling: tuple[str, str], container: Run) -> None:
    user = container(dangling[0], "true")
    cli("wait", user)
    assert dangling[0] not in cli("image", "prune", "-f").out
    cli("rm", user)
    assert dangling[0] in cli("image", "prune", "-f").out


def test_all_means_those_with_a_name_too(cli: Client, container: Run, new_image: Name) -> None:
    name, image = container("--label", "only=mine", "busybox", "true"), new_image()
    cli("wait", name)
    cli("commit", name, image)
    assert f"untagged: {image}:latest" not in cli("image", "prune", "-f").out
    said = cli("image", "prune", "-a", "-f", "--filter", "label=only=mine").out
    assert f"untagged: {image}:latest" in said


def test_nothing_without_a_yes(cli: Client, dangling: tuple[str, str]) -> None:
    question = "Are you sure you want to continue? [y/N] "
    said = cli("image", "prune", stdin=b"n\n").out
    assert said.startswith(f"WARNING! This will remove all dangling images.\n{question}")
    said = cli("system", "prune", "-a", "--volumes", stdin=b"\n").out
    assert "  - all images without at least one container associated to them\n" in said
    assert "  - all anonymous volumes not used by at least one container\n" in said
    assert dangling[0] in ids(cli)
    assert f"deleted: {dangling[0]}" in cli("image", "prune", stdin=b"y\n").out


def test_system_prune(cli: Client, dangling: tuple[str, str]) -> None:
    """Only what has the label: other tests' images stay."""
    said = cli("system", "prune", "-f", "--filter", "label=of=prune").out
    assert "Deleted Containers:" in said
    assert f"deleted: {dangling[0]}" in said
    assert "Total reclaimed space: " in said
    refused = cli("system", "prune", "-f", "--volumes", "--filter", "until=1h", check=False)
    assert 'The "until" filter is not supported with "--volumes"' in refused.err


@pytest.mark.parametrize("filters", [["dangling=maybe"], ["bogus=1"], ["until=yesterday"]])
def test_bad_filters(cli: Client, filters: list[str]) -> None:
    before = ids(cli)
    flags = [word for one in filters for word in ("--filter", one)]
    refused = cli("image", "prune", "-f", *flags, check=False)
    assert refused.code == 1
    assert "invalid" in refused.err or "failed to parse" in refused.err
    assert ids(cli) == before


def usage(cli: Client) -> dict[str, dict[str, str]]:
    rows = map(json.loads, cli("system", "df", "--format", "json").out.splitlines())
    return {row["Type"]: row for row in rows}


def test_df(cli: Client, container: Run) -> None:
    before = usage(cli)
    script = "echo 0123456789 > /f; echo 012345678 > /v/f; sleep 1000"
    name = container("-v", "/v", "busybox", "sh", "-c", script)
    cli("exec", name, "sh", "-c", "until [ -s /v/f ]; do usleep 1000; done")
    rows = usage(cli)
    assert list(rows) == ["Images", "Containers", "Local Volumes", "Build Cache"]
    assert int(rows["Containers"]["TotalCount"]) == int(before["Containers"]["TotalCount"]) + 1
    assert int(rows["Local Volumes"]["Active"]) == int(before["Local Volumes"]["Active"]) + 1
    shown = cli("system", "df").out.splitlines()
    assert shown[0].split() == ["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"]
    verbose = cli("system", "df", "-v").out
    line = next(line for line in verbose.splitlines() if name in line)
    assert "11B" in line.split()
    assert verbose.startswith("Images space usage:\n\nREPOSITORY")


def test_import_of_a_url(sampan: Client, tmp_path: Path) -> None:
    (tmp_path / "hello").write_text("from afar")
    with tarfile.open(tmp_path / "root.tar", "w") as archive:
        archive.add(tmp_path / "hello", "hello")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{served.server_address[1]}"
        said = sampan("import", f"{base}/root.tar", "imported:url").out.splitlines()
        missing = sampan("import", f"{base}/absent.tar", check=False)
        served.shutdown()
    try:
        assert said[0] == f"Downloading from {base}/root.tar"
        assert said[-1].startswith("sha256:")
        assert f"Imported from {base}/root.tar" in sampan("history", "--no-trunc", "imported:url").out
        assert missing.code == 1
        assert "404" in missing.err
    finally:
        sampan("rmi", "imported:url")
