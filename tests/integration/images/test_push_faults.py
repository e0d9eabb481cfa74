"""Pushing to a registry that breaks, throttles, forgets: what arrives is whole, and nothing is sent without
need.
"""

import contextlib
import os
import re
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tars
from fake_registry import Request
from world import HASTE, World

from harness import guarded
from sampan.engine.images import push
from sampan.engine.images.progress import Progress, nobody
from sampan.errors import SampanError, Unavailable
from sampan.oci import reference
from sampan.registry import upload
from sampan.registry.auth import ANONYMOUS

CHUNK = 256 << 10
LAYERS = [tars.tarball(tars.file("noise", os.urandom(2 << 20))), tars.tarball(tars.file("small"))]


@pytest.fixture
def built() -> tars.Image:
    return tars.image(*LAYERS)


@pytest.fixture
def sent(world: World, built: tars.Image, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """`sent()` pushes it, and looks whether all of it is there."""
    monkeypatch.setattr(upload, "_CHUNK", CHUNK)
    name = f"{world.registry.address}/library/pushed:x"
    image = world.load(tars.oci_layout(built, name))[0].id

    def push_it() -> None:
        push_to(world, name)
        for digest, data in built.blobs.items():
            assert world.registry.content[f"/v2/library/pushed/blobs/{digest}"][1] == data
        assert world.registry.content["/v2/library/pushed/manifests/x"][1] == built.manifest
        assert not world.registry.uploads

    yield push_it
    world.drop(image)
    world.registry.uploads.clear()
    for path in [path for path in world.registry.content if "/pushed/" in path]:
        del world.registry.content[path]


def push_to(world: World, name: str, report: Callable[[Progress], None] = nobody) -> list[push.Pushed]:
    return push.push(
        world.images,
        reference.parse(name),
        ANONYMOUS,
        report,
        cancelled=threading.Event(),
        patience=HASTE,
    )


def once(
    method: str, part: str, spoil: Callable[[Request], None], times: int = 1
) -> Callable[[Request], bool]:
    """The first `times` requests like that are spoiled."""
    left = [times]
    lock = threading.Lock()

    def answer(request: Request) -> bool:
        with lock:
            if request.command != method or not re.search(part, request.path) or not left[0]:
                return False
            left[0] -= 1
        spoil(request)
        return True

    return answer


def hang_up(request: Request) -> None:
    request.close_connection = True
    request.connection.shutdown(socket.SHUT_RDWR)


def half_of_it(request: Request) -> None:
    """As much as a registry has when a connection breaks."""
    identity = request.path.rpartition("/")[2]
    request.server.registry.uploads[identity] += request.body[: len(request.body) // 2]
    hang_up(request)


def test_a_broken_chunk_goes_on_where_it_broke(world: World, sent: Callable[[], None]) -> None:
    world.registry.spoil = once("PATCH", "", half_of_it, times=3)
    sent()
    patches = [headers for path, headers in world.registry.requests if "Content-Range" in headers]
    total = sum(int(headers["Content-Length"]) for headers in patches)
    assert total <= sum(len(layer) for layer in LAYERS) + 3 * CHUNK


def test_an_answer_that_was_lost(world: World, sent: Callable[[], None]) -> None:
    """The registry has taken the last byte, and nobody was told."""

    def take_and_hang_up(request: Request) -> None:
        request.send = lambda *_: None  # type: ignore[method-assign]
        request.as_usual()
        hang_up(request)

    world.registry.spoil = once("PUT", r"uploads/.*digest=", take_and_hang_up)
    sent()


def test_an_upload_that_was_forgotten(world: World, sent: Callable[[], None]) -> None:
    def forget(request: Request) -> None:
        del request.server.registry.uploads[request.path.rpartition("/")[2]]
        hang_up(request)

    world.registry.spoil = once("PATCH", "", forget, times=2)
    sent()


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize(
    ("method", "part"),
    [
        ("HEAD", "/blobs/"),
        ("POST", "/uploads/"),
        ("PATCH", "/uploads/"),
        ("PUT", "/uploads/"),
        ("PUT", "/manifests/"),
    ],
)
def test_passing_troubles_pass(
    world: World, sent: Callable[[], None], method: str, part: str, status: int
) -> None:
    def trouble(request: Request) -> None:
        request.refuse(status, "TOOMANYREQUESTS", {"Retry-After": "0"} if status == 429 else {})

    world.registry.spoil = once(method, part, trouble)
    sent()


@pytest.mark.parametrize("part", ["/uploads/", "/manifests/"])
def test_lasting_trouble_is_told(world: World, sent: Callable[[], None], part: str) -> None:
    world.registry.spoil = once(
        "PUT", part, lambda request: request.refuse(503, "UNAVAILABLE", message="no room"), times=1000
    )
    with pytest.raises(Unavailable, match="no room"):
        sent()


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (403, "DENIED", "denied: requested access to the resource is denied"),
        (401, "UNAUTHORIZED", "unauthorized"),
        (400, "DIGEST_INVALID", "digest"),
    ],
)
def test_refusals_are_told_at_once(
    world: World, sent: Callable[[], None], status: int, code: str, sentence: str
) -> None:
    message = "requested access to the resource is denied" if code == "DENIED" else ""
    world.registry.spoil = once(
        "POST", "/uploads/", lambda request: request.refuse(status, code, message=message), times=1000
    )
    with pytest.raises(SampanError, match=sentence):
        sent()
    assert sum("/uploads/" in path for path, _ in world.registry.requests) <= 6  # 3 blobs, a token each


def test_what_is_there_is_not_sent(world: World, sent: Callable[[], None]) -> None:
    sent()
    world.registry.requests.clear()
    sent()
    assert not [path for path, _ in world.registry.requests if "/uploads/" in path]


def test_layers_that_nobody_may_hand_on(world: World, built: tars.Image) -> None:
    """A layer that lies elsewhere (`urls`) is fetched from the registry it came with, and sent on with its
    manifest as it was: the digest is the same."""
    foreign = built.manifest.replace(b"image.layer.v1.tar+gzip", b"image.layer.nondistributable.v1.tar+gzip")
    one = built._replace(manifest=foreign)
    world.registry.add("library/foreign", "x", one)
    found = world.pull("library/foreign:x")
    world.images.records.tag(found.image_id, f"{world.registry.address}/library/copied", "x")
    pushed = push_to(world, f"{world.registry.address}/library/copied:x")
    assert pushed[0].digest == found.digest == tars.digest(foreign)
    assert world.registry.content["/v2/library/copied/manifests/x"][1] == foreign
    world.drop(found.image_id)


# A real one, behind a line that breaks


@contextlib.contextmanager
def breaking_line(address: str, after: int, times: int) -> Iterator[str]:
    """A proxy in front of `address`; the first `times` connections with more than `after` bytes break."""
    host, _, port = address.partition(":")
    left = [times]
    listener = socket.create_server(("127.0.0.1", 0))
    sockets: list[socket.socket] = []

    def relay(source: socket.socket, target: socket.socket, limit: int) -> None:
        carried = 0
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                carried += len(piece)
                target.sendall(piece)
                if limit and carried > limit and left[0]:
                    left[0] -= 1
                    break
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection((host, int(port)))
                sockets.extend((client, server))
                threading.Thread(target=relay, args=(client, server, after), daemon=True).start()
                threading.Thread(target=relay, args=(server, client, 0), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for one in sockets:
            one.close()
    assert left[0] == 0, "the line did not break"


@pytest.mark.skipif(not guarded.INSTALLED, reason="docker-registry or openssl is not installed")
def test_a_real_registry(
    world: World, built: tars.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "_CHUNK", CHUNK)
    with (
        guarded.serve(tmp_path, guarded=False) as address,
        breaking_line(address, after=100_000, times=4) as line,
    ):
        image = world.load(tars.oci_layout(built, f"{line}/pushed:x"))[0].id
        pushed = push_to(world, f"{line}/pushed:x")
        assert pushed[0].digest == tars.digest(built.manifest)
        for digest, data in built.blobs.items():
            with urllib.request.urlopen(f"http://{address}/v2/pushed/blobs/{digest}") as answer:
                assert answer.read() == data
        world.drop(image)
