"""A registry on loopback that holds the test images: Debian's `docker-registry` as mirror of docker.io.

    with serve() as registry:  # registry.address == "127.0.0.1:PORT"

The registry's storage lies in the cache, so only the first start pays for compressing and pushing.
Besides `library/NAME:latest` there are:

- `library/busybox:multi`   an index: linux/s390x first (an image that cannot run here), then ours
- `library/busybox:zstd`    an OCI manifest whose layer is zstd-compressed
- `library/busybox:plain`   an OCI manifest whose layer is not compressed
"""

import argparse
import contextlib
import gzip
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent))
from build import ARCHITECTURES, DEFAULT_CACHE, build_all
from recipes import RECIPES

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"


class Registry(NamedTuple):
    address: str  # host:port
    pid: int
    storage: Path

    @property
    def url(self) -> str:
        return f"http://{self.address}"


@contextlib.contextmanager
def serve(cache: Path = DEFAULT_CACHE, port: int = 0) -> Iterator[Registry]:
    """Run the registry with every test image in it until the block ends."""
    registry = start(cache, port)
    try:
        push_missing(registry, cache)
        yield registry
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(registry.pid, signal.SIGTERM)
            os.waitpid(registry.pid, 0)


def start(cache: Path = DEFAULT_CACHE, port: int = 0) -> Registry:
    """Start the process and wait until it answers."""
    storage = cache / "registry"
    storage.mkdir(parents=True, exist_ok=True)
    port = port or _free_port()
    config = cache / f"registry-{port}.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error}\n"
        f"storage: {{filesystem: {{rootdirectory: {storage}}}, delete: {{enabled: true}}}}\n"
        f"http: {{addr: 127.0.0.1:{port}}}\n"
    )
    log = (cache / f"registry-{port}.log").open("ab")
    process = subprocess.Popen(
        ["docker-registry", "serve", config],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    registry = Registry(f"127.0.0.1:{port}", process.pid, storage)
    _wait_until_it_answers(registry)
    config.unlink()
    return registry


def push_missing(registry: Registry, cache: Path = DEFAULT_CACHE) -> None:
    """Push each image that the registry does not hold yet."""
    for name, archive in zip(RECIPES, build_all(cache), strict=True):
        if not _has_tag(registry, name, "latest"):
            _push_archive(registry, name, archive)
    if not _has_tag(registry, "busybox", "multi"):
        _push_variants(registry, cache / "busybox.tar")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_answers(registry: Registry) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"{registry.url}/v2/", timeout=2):
                return
        except (OSError, urllib.error.URLError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _push_archive(registry: Registry, name: str, archive: Path) -> None:
    config, layers = _read_docker_archive(archive)
    pushed = [
        _push_blob(registry, name, gzip.compress(layer, compresslevel=6, mtime=0), DOCKER_LAYER)
        for layer in layers
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": _push_blob(registry, name, config, DOCKER_CONFIG),
        "layers": pushed,
    }
    _push_manifest(registry, name, "latest", manifest)


def _push_variants(registry: Registry, archive: Path) -> None:
    """The tags of busybox that exercise indexes and compressions."""
    config, (layer,) = _read_docker_archive(archive)
    packed = subprocess.run(["zstd", "-q", "-c"], input=layer, capture_output=True, check=True).stdout
    native = {"architecture": ARCHITECTURES.get(os.uname().machine, "amd64"), "os": "linux"}
    foreign_config = json.dumps({**json.loads(config), "architecture": "s390x"}).encode()
    made = {}
    for tag, document, data, kind in (
        ("zstd", config, packed, OCI_LAYER + "+zstd"),
        ("plain", config, layer, OCI_LAYER),
        ("foreign", foreign_config, gzip.compress(layer, mtime=0), OCI_LAYER + "+gzip"),
    ):
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": _push_blob(registry, "busybox", document, OCI_CONFIG),
            "layers": [_push_blob(registry, "busybox", data, kind)],
        }
        made[tag] = _push_manifest(registry, "busybox", tag, manifest)
    index = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [
            {**made["foreign"], "platform": {"architecture": "s390x", "os": "linux"}},
            {**made["zstd"], "platform": native},
        ],
    }
    _push_manifest(registry, "busybox", "multi", index)


def _read_docker_archive(archive: Path) -> tuple[bytes, list[bytes]]:
    with tarfile.open(archive) as tar:

        def read(name: str) -> bytes:
            file = tar.extractfile(name)
            assert file is not None
            return file.read()

        (entry,) = json.loads(read("manifest.json"))
        return read(entry["Config"]), [read(layer) for layer in entry["Layers"]]


def _push_blob(registry: Registry, name: str, data: bytes, media_type: str) -> dict[str, Any]:
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    base = f"{registry.url}/v2/library/{name}/blobs"
    if not _exists(f"{base}/{digest}"):
        with _request("POST", f"{base}/uploads/") as answer:
            location = answer.headers["Location"]
        separator = "&" if "?" in location else "?"
        _request("PUT", f"{location}{separator}digest={digest}", data, "application/octet-stream").close()
    return {"mediaType": media_type, "size": len(data), "digest": digest}


def _push_manifest(registry: Registry, name: str, tag: str, manifest: dict[str, Any]) -> dict[str, Any]:
    data = json.dumps(manifest).encode()
    url = f"{registry.url}/v2/library/{name}/manifests/{tag}"
    _request("PUT", url, data, manifest["mediaType"]).close()
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return {"mediaType": manifest["mediaType"], "size": len(data), "digest": digest}


def _has_tag(registry: Registry, name: str, tag: str) -> bool:
    accept = ", ".join((DOCKER_MANIFEST, OCI_MANIFEST, OCI_INDEX))
    return _exists(f"{registry.url}/v2/library/{name}/manifests/{tag}", accept)


def _exists(url: str, accept: str = "*/*") -> bool:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD", headers={"Accept": accept})):
            return True
    except urllib.error.HTTPError:
        return False


def _request(method: str, url: str, data: bytes = b"", content_type: str = "") -> Any:
    headers = {"Content-Type": content_type} if content_type else {}
    return urllib.request.urlopen(urllib.request.Request(url, data=data, method=method, headers=headers))


def main() -> int:
    parser = argparse.ArgumentParser(description="Serve the test images until interrupted.")
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    arguments = parser.parse_args()
    with serve(arguments.cache, arguments.port) as registry, contextlib.suppress(KeyboardInterrupt):
        print(registry.url, flush=True)
        os.waitpid(registry.pid, 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
