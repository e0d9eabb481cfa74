"""Names of images."""

import pytest

from sampan.cli.image.reference import parse
from sampan.errors import InvalidArgument

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "canonical", "familiar"),
    [
        ("nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("nginx:1", "docker.io/library/nginx:1", "nginx:1"),
        ("u/x", "docker.io/u/x:latest", "u/x:latest"),
        ("docker.io/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("index.docker.io/library/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("localhost/x", "localhost/x:latest", "localhost/x:latest"),
        ("localhost:5000/x:y", "localhost:5000/x:y", "localhost:5000/x:y"),
        ("127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b:latest", "127.0.0.1:5000/a/b:latest"),
        ("[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000/a:latest"),
        ("quay.io/a/b@" + DIGEST, "quay.io/a/b@" + DIGEST, "quay.io/a/b@" + DIGEST),
        ("a:b@" + DIGEST, "docker.io/library/a:b@" + DIGEST, "a:b@" + DIGEST),
        ("a_b-c.d__e--f", "docker.io/library/a_b-c.d__e--f:latest", "a_b-c.d__e--f:latest"),
        ("library/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
    ],
)
def test_names(text: str, canonical: str, familiar: str) -> None:
    assert parse(text).canonical_with_tag() == canonical
    assert parse(text).with_tag() == familiar


@pytest.mark.parametrize(
    "text", ["", ":", "a:", "a:b c", "a//b", "/a", "a/", "-a", "a___b", "a..b", "a@sha256:0", "é"]
)
def test_wrong_names(text: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^invalid reference format$"):
        parse(text)


def test_upper_case() -> None:
    with pytest.raises(InvalidArgument) as raised:
        parse("AA")
    assert str(raised.value) == "invalid reference format: repository name (library/AA) must be lowercase"


def test_an_identifier_is_no_name() -> None:
    assert parse("0" * 64).is_identifier
    assert not parse("0" * 63).is_identifier
