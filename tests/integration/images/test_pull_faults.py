"""Registries that break, lie, stall and throttle. Either the pull succeeds with every digest right, or it
ends with one clear error and the store as before (the fixture `as_before` sees to that)."""

import json
import os
import threading
import time

import pytest
import tars
from world import HASTE, World

from sampan.engine.images import pull
from sampan.engine.images.progress import nobody
from sampan.errors import Cancelled, InvalidArgument, NotFound, SampanError, Unauthorized, Unavailable
from sampan.oci import reference
from sampan.registry.auth import ANONYMOUS, Credentials
from sampan.registry.hosts import parse

pytestmark = pytest.mark.root

NOISE = os.urandom(3 << 20)  # does not compress: the blob is as large
WHO = Credentials("someone", "secret-8f2a")


@pytest.fixture(scope="module")
def built() -> tars.Image:
    return tars.image(tars.tarball(tars.file("noise", NOISE)))


@pytest.fixture(autouse=True)
def served(world: World, built: tars.Image) -> None:
    world.registry.add("library/x", "latest", built)


def layer_digest(built: tars.Image) -> str:
    return tars.digest(built.layers[0])


def succeed(world: World, built: tars.Image, credentials: Credentials = ANONYMOUS) -> None:
    found = world.pull("library/x", credentials)
    assert found.newer
    root = world.images.store.layer_path(world.images.records.get(found.image_id).layers[0].number)
    with open(f"{root}/noise", "rb") as file:
        assert file.read() == NOISE
    world.drop(found.image_id)


def fail(world: World, kind: type[SampanError], text: str, credentials: Credentials = ANONYMOUS) -> str:
    with pytest.raises(kind) as caught:
        world.pull("library/x", credentials)
    assert text in str(caught.value)
    forget_partials(world)
    return str(caught.value)


def forget_partials(world: World) -> None:
    """Transfers that failed may be resumed; what they left is no part of the comparison."""
    directory = world.images.store.path("ingest")
    for name in os.listdir(directory):
        assert name.startswith("blob-")
        os.unlink(f"{directory}/{name}")


def is_layer(request, built) -> bool:
    return request.path.endswith(layer_digest(built))


# Connections that break


def test_survives_twenty_dropped_connections(world, built) -> None:
    step = len(built.layers[0]) // 21 + 1
    world.registry.spoil = lambda r: is_layer(r, built) and (r.cut(built.layers[0], step) or True)
    succeed(world, built)
    asked = [
        headers.get("Range")
        for path, headers in world.registry.requests
        if path.endswith(layer_digest(built))
    ]
    assert len(asked) == 21
    starts = [int(value[6:].partition("-")[0]) for value in asked[1:]]
    assert starts == [step * n for n in range(1, 21)]  # nothing was fetched twice


def test_gives_up_where_nothing_moves(world, built) -> None:
    world.registry.spoil = lambda r: is_layer(r, built) and (r.cut(built.layers[0], 0) or True)
    fail(world, Unavailable, "unexpected EOF")


def test_resumes_in_the_next_pull(world, built) -> None:
    half = len(built.layers[0]) // 2
    world.registry.spoil = lambda r: (
        is_layer(r, built) and (r.cut(built.layers[0], 0 if r.headers.get("Range") else half) or True)
    )
    with pytest.raises(Unavailable):
        world.pull("library/x")
    world.registry.spoil = lambda r: False
    world.registry.requests.clear()
    succeed(world, built)
    ranges = [h.get("Range", "") for path, h in world.registry.requests if path.endswith(layer_digest(built))]
    assert ranges == [f"bytes={half}-{len(built.layers[0]) - 1}"]


def test_resumes_where_range_is_ignored(world, built) -> None:
    blob, tries = built.layers[0], []

    def spoil(r) -> bool:
        if not is_layer(r, built):
            return False
        tries.append(1)
        if len(tries) < 3:
            r.headers.replace_header("Range", "") if "Range" in r.headers else None
            r.cut(blob, len(blob) // 2 + len(tries))
        else:
            r.send(200, blob, {})
        return True

    world.registry.spoil = spoil
    succeed(world, built)


def test_starts_again_after_a_wrong_range(world, built) -> None:
    blob, tries = built.layers[0], []

    def spoil(r) -> bool:
        if not is_layer(r, built):
            return False
        tries.append(1)
        if len(tries) == 1:
            r.cut(blob, 1000)
        elif len(tries) < 4:
            r.send(206, blob[2000:], {"Content-Range": f"bytes 2000-{len(blob) - 1}/{len(blob)}"})
        else:
            return False
        return True

    world.registry.spoil = spoil
    succeed(world, built)


def test_silence_is_broken_off_and_resumed(world, built) -> None:
    tries = []
    release = threading.Event()

    def spoil(r) -> bool:
        if not is_layer(r, built) or tries:
            return False
        tries.append(1)
        r.send_response(200)
        r.send_header("Content-Length", str(len(built.layers[0])))
        r.end_headers()
        r.wfile.write(built.layers[0][:5000])
        release.wait(10)
        r.close_connection = True
        return True

    world.registry.spoil = spoil
    succeed(world, built)
    release.set()


def test_ctrl_c_ends_a_stalled_pull_within_a_second(world, built) -> None:
    release, cancelled, reached = threading.Event(), threading.Event(), threading.Event()

    def spoil(r) -> bool:
        if not is_layer(r, built):
            return False
        r.send_response(200)
        r.send_header("Content-Length", str(len(built.layers[0])))
        r.end_headers()
        r.wfile.write(built.layers[0][:5000])
        reached.set()
        release.wait(10)
        return True

    world.registry.spoil = spoil
    outcome: list[BaseException] = []
    patient = pull.Patience(silence=30)

    def work() -> None:
        named = reference.parse(f"{world.registry.address}/library/x")
        try:
            pull.pull(world.images, named, None, ANONYMOUS, nobody, cancelled=cancelled, patience=patient)
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert reached.wait(5)
    started = time.monotonic()
    cancelled.set()
    thread.join(5)
    assert time.monotonic() - started < 1
    release.set()
    assert isinstance(outcome[0], Cancelled)
    forget_partials(world)


# Content that is wrong


def test_wrong_digest(world, built) -> None:
    spoiled = built.layers[0][:-9] + b"x" + built.layers[0][-8:]
    world.registry.spoil = lambda r: is_layer(r, built) and (r.send(200, spoiled, {}) or True)
    text = fail(world, InvalidArgument, "filesystem layer verification failed for digest")
    assert tars.digest(spoiled) in text, "not that gzip or tar stumbled over it first"


def test_wrong_digest_of_a_plain_layer(world) -> None:
    plain = tars.image(tars.tarball(tars.file("a", b"x" * 5000)), packed=False)
    world.registry.add("library/x", "latest", plain)
    spoiled = plain.layers[0].replace(b"xxx", b"xyx", 1)
    path = f"/v2/library/x/blobs/{tars.digest(plain.layers[0])}"
    world.registry.content[path] = ("", spoiled)
    text = fail(world, InvalidArgument, "filesystem layer verification failed for digest")
    assert tars.digest(spoiled) in text


@pytest.mark.parametrize("change", [-1, 1, 700])
def test_wrong_size(world, built, change: int) -> None:
    blob = built.layers[0][:change] if change < 0 else built.layers[0] + bytes(change)
    world.registry.content[f"/v2/library/x/blobs/{layer_digest(built)}"] = ("", blob)
    fail(world, SampanError, "")


def test_truncated_layer_with_a_true_digest(world) -> None:
    whole = tars.tarball(tars.file("a", b"x" * 5000))
    world.registry.add("library/x", "latest", tars.image(whole[:3000]))
    fail(world, InvalidArgument, "unexpected EOF")


def test_layer_that_the_configuration_does_not_know(world) -> None:
    layer = tars.tarball(tars.file("a"))
    world.registry.add("library/x", "latest", tars.image(layer, diff_ids=["sha256:" + "0" * 64]))
    fail(world, InvalidArgument, "layers from manifest don't match image configuration")


def test_fewer_layers_than_the_configuration_has(world) -> None:
    layer = tars.tarball(tars.file("a"))
    two = ["sha256:" + "0" * 64, "sha256:" + "1" * 64]
    world.registry.add("library/x", "latest", tars.image(layer, diff_ids=two))
    fail(world, InvalidArgument, "layers length mismatch")


@pytest.mark.parametrize("kind", ["gzip", "zstd", "xz"])
def test_decompression_bomb(world, kind: str) -> None:
    zeros = 3 << 30
    chunks = bomb(kind, zeros)
    with pytest.raises(InvalidArgument, match="decompression bomb"):
        world.load(tars.docker_archive(tars.Image(b"", CONFIG_OF_BOMB, [chunks], {})))


CONFIG_OF_BOMB = json.dumps({"rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}}).encode()


def bomb(kind: str, size: int) -> bytes:
    import lzma
    import zlib

    import zstandard

    packer = {
        "gzip": lambda: zlib.compressobj(1, zlib.DEFLATED, 31),
        "zstd": lambda: zstandard.ZstdCompressor().compressobj(),
        "xz": lambda: lzma.LZMACompressor(preset=0),
    }[kind]()
    header = tars.patched(tars.file("zeros", b""), 124, b"%011o\0" % size)
    piece = bytes(1 << 20)
    return packer.compress(header) + b"".join(packer.compress(piece) for _ in range(512)) + packer.flush()


def test_gzip_with_rubbish_behind_it(world) -> None:
    layer = tars.tarball(tars.file("a"))
    packed = tars.image(layer)
    blob = packed.layers[0] + b"rubbish"
    spoiled = json.loads(packed.manifest)
    spoiled["layers"][0] |= {"digest": tars.digest(blob), "size": len(blob)}
    data = json.dumps(spoiled).encode()
    blobs = {tars.digest(blob): blob, tars.digest(packed.config): packed.config}
    world.registry.add("library/x", "latest", tars.Image(data, packed.config, [blob], blobs))
    fail(world, InvalidArgument, "gzip")


# Documents that are wrong


def document(world: World, **fields: object) -> bytes:
    base = json.loads(tars.image(tars.tarball(tars.file("a"))).manifest)
    return json.dumps({key: value for key, value in (base | fields).items() if value is not None}).encode()


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"manifests": []}, "neither a manifest nor an index, or both"),
        ({"config": None, "layers": None}, "neither"),
        ({"config": None, "layers": None, "manifests": []}, ""),
        ({"mediaType": tars.INDEX}, "media type"),
        ({"schemaVersion": 1}, "schema 1"),
        ({"layers": [{"digest": "sha256:../../etc", "size": 1}]}, "invalid checksum digest format"),
        ({"layers": [{"digest": "md5:" + "0" * 32, "size": 1}]}, "unsupported digest algorithm"),
        ({"layers": [{"digest": "sha256:" + "A" * 64, "size": 1}]}, "invalid checksum digest format"),
        ({"layers": [{"digest": "sha256:" + "0" * 64, "size": -1}]}, "invalid size"),
        ({"layers": [{"digest": "sha256:" + "0" * 64, "size": 1}] * 501}, "501 layers"),
        ({"config": {"digest": "sha256:" + "0" * 64, "size": 1 << 30}}, "too large"),
        (
            {"config": {"digest": "sha256:" + "0" * 64, "size": 1, "mediaType": "text/html"}},
            "Encountered remote",
        ),
        ({"annotations": {"x": "y" * (4 << 20)}}, "larger than"),
    ],
)
def test_bad_manifest(world, fields: dict, text: str) -> None:
    world.registry.put_manifest("library/x", "latest", document(world, **fields), tars.MANIFEST)
    fail(world, SampanError, text)


def test_index_that_contains_itself_is_not_followed_for_ever(world) -> None:
    own = "sha256:" + "7" * 64
    entry = {
        "mediaType": tars.INDEX,
        "digest": own,
        "size": 9,
        "platform": {"os": "linux", "architecture": "amd64"},
    }
    data = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    for name in ("latest", own):
        world.registry.content[f"/v2/library/x/manifests/{name}"] = (tars.INDEX, data)
    fail(world, InvalidArgument, "manifest verification failed for digest")


def test_deep_indexes_end(world) -> None:
    below = tars.image(tars.tarball(tars.file("a"))).manifest
    for _ in range(6):
        entry = {
            "digest": tars.digest(below),
            "size": len(below),
            "platform": {"os": "linux", "architecture": "amd64"},
        }
        world.registry.put_manifest("library/x", "latest", below, "")
        below = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    world.registry.put_manifest("library/x", "latest", below, "")
    fail(world, InvalidArgument, "nested too deeply")


def test_no_platform_of_ours(world) -> None:
    entry = {"digest": "sha256:" + "0" * 64, "size": 9, "platform": {"os": "linux", "architecture": "s390x"}}
    data = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    world.registry.put_manifest("library/x", "latest", data, tars.INDEX)
    fail(world, NotFound, "no matching manifest for linux/amd64 in the manifest list entries")


def test_html_page_for_a_manifest(world) -> None:
    world.registry.spoil = lambda r: (
        "/manifests/" in r.path and (r.send(200, b"<html>Sign in</html>", {}) or True)
    )
    fail(world, InvalidArgument, "invalid manifest")


def test_html_page_for_a_layer(world, built) -> None:
    world.registry.spoil = lambda r: is_layer(r, built) and (r.send(200, b"<html>Sign in</html>", {}) or True)
    fail(world, SampanError, "")


def test_manifest_by_digest_is_what_the_digest_says(world, built) -> None:
    other = "sha256:" + "5" * 64
    world.registry.content[f"/v2/library/x/manifests/{other}"] = (tars.MANIFEST, built.manifest)
    with pytest.raises(InvalidArgument, match="manifest verification failed for digest"):
        world.pull(f"library/x@{other}")


def test_header_with_another_digest_counts_for_nothing(world, built) -> None:
    kind, body = world.registry.content["/v2/library/x/manifests/latest"]
    lie = {"Docker-Content-Digest": "sha256:" + "0" * 64}
    world.registry.spoil = lambda r: r.path.endswith("/latest") and (r.send(200, body, lie, kind) or True)
    found = world.pull("library/x")
    assert found.digest == tars.digest(built.manifest)
    world.drop(found.image_id)


# Refusals and patience


def test_unknown_tag_in_dockers_words(world) -> None:
    with pytest.raises(NotFound) as caught:
        world.pull("library/x:nope")
    name = f"{world.registry.address}/library/x:nope"
    assert str(caught.value) == f"manifest for {name} not found: manifest unknown: manifest unknown"


def test_denied_in_dockers_words(world) -> None:
    message = "requested access to the resource is denied"
    world.registry.spoil = lambda r: (
        "/manifests/" in r.path and (r.refuse(403, "DENIED", None, message) or True)
    )
    name = f"{world.registry.address}/library/x"
    fail(
        world,
        NotFound,
        f"pull access denied for {name}, repository does not exist or may require 'docker login': "
        f"denied: {message}",
    )


def test_retry_after_is_honoured(world, built) -> None:
    times: list[float] = []

    def spoil(r) -> bool:
        if is_layer(r, built):
            times.append(time.monotonic())
            if len(times) == 1:
                r.refuse(429, "TOOMANYREQUESTS", {"Retry-After": "1"})
                return True
        return False

    world.registry.spoil = spoil
    succeed(world, built)
    assert times[1] - times[0] >= 1


def test_retry_after_longer_than_anybody_waits(world, built) -> None:
    world.registry.spoil = lambda r: (
        is_layer(r, built)
        and (r.refuse(429, "TOOMANYREQUESTS", {"Retry-After": "3600"}, "slow down") or True)
    )
    fail(world, Unavailable, "toomanyrequests: slow down")


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_passing_troubles_pass(world, built, status: int) -> None:
    seen: dict[str, int] = {}

    def spoil(r) -> bool:
        if r.path == "/v2/":
            return False
        seen[r.path] = seen.get(r.path, 0) + 1
        if seen[r.path] <= 3:
            r.send(status, b"trouble", {})
            return True
        return False

    world.registry.spoil = spoil
    succeed(world, built)


def test_lasting_trouble_is_told(world, built) -> None:
    world.registry.spoil = lambda r: "/manifests/" in r.path and (r.send(500, b"trouble", {}) or True)
    fail(world, Unavailable, "received unexpected HTTP status: 500 Internal Server Error")


# Credentials


def bearer(world: World, r, token: list[str]) -> bool:
    """A registry that wants a token, and its token server, in one."""
    if r.path.startswith("/token"):
        body = json.dumps({"token": token[0]}).encode()
        r.send(200, body, {}, "application/json")
        return True
    if r.headers.get("Authorization") != f"Bearer {token[0]}":
        realm = f"http://{world.registry.address}/token"
        r.refuse(401, "UNAUTHORIZED", {"WWW-Authenticate": f'Bearer realm="{realm}",service="s",scope="x"'})
        return True
    return False


def test_token(world, built) -> None:
    world.registry.spoil = lambda r: bearer(world, r, ["t1"])
    succeed(world, built, WHO)
    (asked, headers), *more = [x for x in world.registry.requests if x[0].startswith("/token")]
    assert "scope=repository%3Alibrary%2Fx%3Apull" in asked
    assert headers["Authorization"].startswith("Basic ")
    assert not more


def test_token_that_expires_during_the_pull(world, built) -> None:
    token, counts = ["t0"], [0]

    def spoil(r) -> bool:
        counts[0] += 1
        if counts[0] % 3 == 0:
            token[0] = f"t{counts[0]}"
        if bearer(world, r, token):
            return True
        return is_layer(r, built) and (r.cut(built.layers[0], 400_000) or True)

    world.registry.spoil = spoil
    succeed(world, built)


def test_refusals_without_end_end(world) -> None:
    world.registry.spoil = lambda r: bearer(world, r, [os.urandom(4).hex()])
    fail(world, Unauthorized, "unauthorized")
    assert len(world.registry.requests) < 12


@pytest.mark.parametrize(
    "realm",
    ["ftp://host/token", "http://169.254.169.254/token", "file:///etc/passwd", "http://u:p@host/token", ""],
)
def test_strange_token_servers(world, realm: str) -> None:
    def spoil(r) -> bool:
        r.refuse(401, "UNAUTHORIZED", {"WWW-Authenticate": f'Bearer realm="{realm}",service="s"'})
        return True

    world.registry.spoil = spoil
    fail(world, Unauthorized, "refusing the token server")


def test_token_with_a_line_break(world) -> None:
    world.registry.spoil = lambda r: bearer(world, r, ["a\r\nX-Evil: 1"])
    fail(world, Unauthorized, "did not include a token")


def test_basic(world, built) -> None:
    def spoil(r) -> bool:
        if r.headers.get("Authorization", "").startswith("Basic "):
            return False
        r.refuse(401, "UNAUTHORIZED", {"WWW-Authenticate": 'Basic realm="x"'})
        return True

    world.registry.spoil = spoil
    succeed(world, built, WHO)
    fail(world, Unauthorized, "no basic auth credentials")


# Redirects


@pytest.fixture
def elsewhere(world):
    from fake_registry import FakeRegistry

    with FakeRegistry() as other:
        other.content = dict(world.registry.content)
        yield other


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_credentials_stay_behind_on_a_redirect(world, built, elsewhere, status: int) -> None:
    def spoil(r) -> bool:
        if bearer(world, r, ["t1"]):
            return True
        if is_layer(r, built):
            r.send(status, b"", {"Location": f"http://{elsewhere.address}{r.path}"})
            return True
        return False

    world.registry.spoil = spoil
    succeed(world, built, WHO)
    assert elsewhere.requests
    for _, headers in elsewhere.requests:
        assert "Authorization" not in headers
        assert "Cookie" not in headers


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "unix:///run/sock",
        "http://169.254.169.254/latest",
        "http://u:p@h/",
        "http://[fe80::1]/",
    ],
)
def test_redirects_that_are_not_followed(world, built, location: str) -> None:
    world.registry.spoil = lambda r: is_layer(r, built) and (r.send(302, b"", {"Location": location}) or True)
    fail(world, SampanError, "redirect")


def test_redirects_without_end(world, built) -> None:
    world.registry.spoil = lambda r: is_layer(r, built) and (r.send(302, b"", {"Location": r.path}) or True)
    fail(world, Unavailable, "stopped after 10 redirects")


# Mirrors


def test_the_next_place_takes_over(world, built, elsewhere) -> None:
    """A mirror without the manifest, one that is not there, and one that breaks in the middle of a blob."""
    with_gap = elsewhere
    with_gap.spoil = lambda r: (
        is_layer(r, built) and (r.cut(built.layers[0], 0 if r.headers.get("Range") else 9) or True)
    )
    mirrors = ["http://127.0.0.1:1", f"http://{with_gap.address}", f"http://{world.registry.address}"]
    hosts = parse({"docker.io": {"mirrors": mirrors}})
    from dataclasses import replace

    images = replace(world.images, hosts=hosts)
    found = pull.pull(
        images, reference.parse("x"), None, WHO, nobody, cancelled=threading.Event(), patience=HASTE
    )
    assert found.newer
    assert images.records.by_tag("docker.io/library/x", "latest") == found.image_id
    for _, headers in (*with_gap.requests, *world.registry.requests):
        assert "Authorization" not in headers  # they are for the registry, not for its mirrors
    world.drop(found.image_id)


def test_nothing_is_reachable(world) -> None:
    with pytest.raises(Unavailable) as caught:
        named = reference.parse("127.0.0.1:1/x")
        pull.pull(world.images, named, None, ANONYMOUS, nobody, cancelled=threading.Event(), patience=HASTE)
    assert (
        str(caught.value) == 'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused'
    )


# Company


def test_pulls_of_the_same_image_at_once_share_the_work(world, built) -> None:
    results: list[object] = []

    def work() -> None:
        try:
            results.append(world.pull("library/x"))
        except BaseException as error:
            results.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len({result.image_id for result in results}) == 1
    asked = [path for path, _ in world.registry.requests if path.endswith(layer_digest(built))]
    assert len(asked) == 1
    world.drop(results[0].image_id)
