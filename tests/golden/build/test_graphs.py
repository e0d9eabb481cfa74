"""Dockerfiles in, graphs and errors out.

A file `*.cases` holds cases: `@@ name option=value …`, the Dockerfile, `@@ expected`, and what it becomes.
Options: `arg=NAME=VALUE`, `target=`, `platform=`, `network=`, `context=NAME=IMAGE`. With
SAMPAN_GOLDEN_WRITE=1 in the environment the expectations are written anew: read the difference before it is
committed.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from sampan.build.graph import BaseImage
from sampan.build.parser import parse
from sampan.build.plan import Options, images, plan
from sampan.build.source import DockerfileError, Source
from sampan.errors import InvalidArgument, NotFound, SampanError
from sampan.oci import reference
from sampan.oci.image import Config

HERE = Path(__file__).parent
WRITE = bool(os.environ.get("SAMPAN_GOLDEN_WRITE"))
IMAGES = {
    "busybox": Config(Env=["PATH=/bin"], Cmd=["sh"]),
    "debian": Config(Env=["PATH=/usr/bin:/bin"], Cmd=["bash"]),
    "nginx": Config(
        Env=["PATH=/usr/sbin:/usr/bin", "NGINX_VERSION=1.22"],
        Cmd=["nginx", "-g", "daemon off;"],
        ExposedPorts={"80/tcp": {}},
        StopSignal="SIGQUIT",
    ),
    "python": Config(
        Env=["PATH=/usr/local/bin:/usr/bin", "LANG=C.UTF-8"], Cmd=["python3"], WorkingDir="/srv"
    ),
    "golang": Config(Env=["PATH=/go/bin:/usr/bin", "GOPATH=/go"], WorkingDir="/go"),
    "node": Config(Env=["PATH=/usr/bin"], Cmd=["node"], Entrypoint=["docker-entrypoint.sh"], User="node"),
    "triggers": Config(
        Env=["PATH=/bin"], OnBuild=["COPY . /app/", "RUN make", "ARG MODE=slow", "ENV MODE=$MODE"]
    ),
}


class Case(NamedTuple):
    name: str
    options: list[str]
    dockerfile: str
    expected: str


def cases(path: Path) -> Iterator[Case]:
    parts = path.read_text().split("\n@@ ")
    parts[0] = parts[0].removeprefix("@@ ")
    for given, expected in zip(parts[::2], parts[1::2], strict=True):
        head, _, dockerfile = given.partition("\n")
        name, *options = head.split()
        yield Case(name, options, dockerfile, expected.partition("\n")[2])


def every() -> Iterator[object]:
    for path in sorted(HERE.glob("*.cases")):
        for case in cases(path):
            yield pytest.param(path, case, id=f"{path.stem}-{case.name}")


def lookup(name: str, platform: str) -> BaseImage:
    parsed = reference.parse(name).with_default_tag()
    config = IMAGES.get(parsed.familiar_repository)
    if config is None:
        raise NotFound(f"No such image: {parsed.familiar}")
    return BaseImage(parsed.familiar, f"sha256:{name}", config, platform or "linux/amd64")


def pairs(options: list[str], name: str) -> dict[str, str]:
    values = [option.partition("=")[2] for option in options if option.startswith(name + "=")]
    return {key: value for key, _, value in (one.partition("=") for one in values)}


def text(options: list[str], name: str) -> str:
    return next((option.partition("=")[2] for option in options if option.startswith(name + "=")), "")


def options_of(case: Case) -> Options:
    return Options(
        machine="x86_64",
        arguments=pairs(case.options, "arg"),
        target=text(case.options, "target"),
        platform=text(case.options, "platform"),
        network=text(case.options, "network") or "default",
        contexts=pairs(case.options, "context"),
    )


def outcome(case: Case) -> str:
    source = Source("Dockerfile", case.dockerfile)
    try:
        dockerfile, findings = parse(case.dockerfile)
        return plan(dockerfile, options_of(case), lookup, findings).text()
    except DockerfileError as error:
        excerpt = source.excerpt(error.span, error.offending) + "\n" if error.span else ""
        return f"{excerpt}ERROR: {error}\n"
    except SampanError as error:
        return f"ERROR: {error}\n"


@pytest.mark.parametrize(("path", "case"), list(every()))
def test_case(path: Path, case: Case) -> None:
    assert outcome(case) == case.expected


def test_the_corpus_is_large() -> None:
    assert sum(1 for _ in every()) >= 60


def test_images_are_known_before_any_is_there() -> None:
    dockerfile, _ = parse(
        "ARG V=1\nFROM golang:$V AS one\nFROM busybox AS unused\nFROM --platform=linux/arm64 debian\n"
        "COPY --from=one /a /b\nCOPY --from=nginx /c /d\nRUN --mount=from=python,target=/x true\n"
    )
    found = images(dockerfile, Options("x86_64", arguments={"V": "1.22"}))
    assert sorted(found) == [("debian", "linux/arm64"), ("golang:1.22", ""), ("nginx", ""), ("python", "")]


def test_an_unknown_target_changes_nothing() -> None:
    dockerfile, _ = parse("FROM busybox AS build\n")
    with pytest.raises(
        InvalidArgument, match=r'target stage "biuld" could not be found \(did you mean build\?\)'
    ):
        images(dockerfile, Options("x86_64", target="biuld"))


if WRITE:
    for file in HERE.glob("*.cases"):
        written = [
            f"@@ {' '.join([case.name, *case.options])}\n{case.dockerfile}\n@@ expected\n{outcome(case)}"
            for case in cases(file)
        ]
        file.write_text("\n".join(written))
