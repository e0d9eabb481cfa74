"""The words of --cache-from and --cache-to."""

import pytest

from sampan.engine.builds import caches
from sampan.engine.builds.caches import CacheSource, CacheTarget
from sampan.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("busybox", CacheSource("docker.io/library/busybox:latest", here=True)),
        ("type=registry,ref=localhost:5000/a:b", CacheSource("localhost:5000/a:b")),
        ("type=local,src=/x", CacheSource(directory="/x")),
        ("Type=local,src=/x,tag=y", CacheSource(directory="/x", tag="y")),
    ],
)
def test_sources(text: str, source: CacheSource) -> None:
    assert caches.source(text) == source


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("localhost:5000/a", CacheTarget("registry", "localhost:5000/a:latest")),
        (
            "type=registry,ref=a/b,mode=max,ignore-error=true",
            CacheTarget("registry", "docker.io/a/b:latest", all=True, optional=True),
        ),
        ("type=inline", CacheTarget("inline")),
        ("type=local,dest=x,mode=min", CacheTarget("local")),
    ],
)
def test_targets(text: str, target: CacheTarget) -> None:
    assert caches.target(text) == target


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("type=gha", "unknown cache importer: gha"),
        ("src=/x", "unknown cache importer: "),
        ("type=local", "local cache importer requires src"),
        ("type=registry", "cache options require the ref attribute"),
        ("type=registry,oops", "invalid value oops"),
        ("BAD", "invalid reference format: repository name (library/BAD) must be lowercase"),
    ],
)
def test_sources_that_are_none(text: str, sentence: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        caches.source(text)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("type=s3,bucket=b", 'unknown cache exporter: "s3"'),
        ("type=registry,ref=a,mode=middle", "invalid cache export mode: middle"),
        ("type=registry", "cache options require the ref attribute"),
    ],
)
def test_targets_that_are_none(text: str, sentence: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        caches.target(text)
    assert str(caught.value) == sentence
