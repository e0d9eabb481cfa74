"""Names of images, held against Docker's grammar (distribution/reference, reference_test.go and
normalize_test.go)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.errors import InvalidArgument
from sampan.oci import reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "canonical", "familiar"),
    [
        ("nginx", "docker.io/library/nginx", "nginx"),
        ("nginx:1.2", "docker.io/library/nginx:1.2", "nginx:1.2"),
        ("library/nginx", "docker.io/library/nginx", "nginx"),
        ("docker.io/nginx", "docker.io/library/nginx", "nginx"),
        ("index.docker.io/nginx", "docker.io/library/nginx", "nginx"),
        ("user/app", "docker.io/user/app", "user/app"),
        ("docker.io/library/a/b", "docker.io/library/a/b", "library/a/b"),
        ("localhost/x", "localhost/x", "localhost/x"),
        ("localhost:5000/x:y", "localhost:5000/x:y", "localhost:5000/x:y"),
        ("127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b"),
        ("[2001:db8::1]:5000/x", "[2001:db8::1]:5000/x", "[2001:db8::1]:5000/x"),
        ("Host/x", "Host/x", "Host/x"),
        ("a__b/c-d--e.f_g", "docker.io/a__b/c-d--e.f_g", "a__b/c-d--e.f_g"),
        (f"x@{DIGEST}", f"docker.io/library/x@{DIGEST}", f"x@{DIGEST}"),
        (f"x:1@{DIGEST}", f"docker.io/library/x:1@{DIGEST}", f"x:1@{DIGEST}"),
        ("x:" + "t" * 128, "docker.io/library/x:" + "t" * 128, "x:" + "t" * 128),
    ],
)
def test_names(text: str, canonical: str, familiar: str) -> None:
    found = reference.parse(text)
    assert (found.canonical, found.familiar) == (canonical, familiar)
    assert reference.parse(found.canonical) == found
    assert reference.parse_canonical(found.canonical) == found


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", ":x", "a:", "a/", "/a", "a//b", "a..b", "a._b", "-a", "a-", "a___b", "a b", "ä", "a:b c"),
        *("a@", "a@b", "a@sha256:", "a@sha256:" + "A" * 64, "a@md5:" + "a" * 32, "host:port/x", "a.-b.c/x"),
        *("x:" + "t" * 129, "x:-t", "https://x.y/z", "a\nb", "a:b\n"),
    ],
)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid reference format"):
        reference.parse(text)


def test_upper_case() -> None:
    with pytest.raises(
        InvalidArgument, match=r"invalid reference format: repository name .* must be lowercase"
    ):
        reference.parse("Foo")


def test_too_long() -> None:
    with pytest.raises(InvalidArgument, match="must not be more than 255 characters"):
        reference.parse("a/" + "b" * 254)


def test_sixty_four_hex_digits_are_an_id() -> None:
    with pytest.raises(InvalidArgument, match="cannot specify 64-byte hexadecimal strings"):
        reference.parse("a" * 64)


def test_default_tag() -> None:
    assert reference.parse("x").with_default_tag().familiar == "x:latest"
    assert reference.parse(f"x@{DIGEST}").with_default_tag().familiar == f"x@{DIGEST}"


COMPONENT = r"[a-z0-9]+(?:(?:[.]|_|__|-+)[a-z0-9]+)*"
LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"


@given(st.text("abzA0._-/:", max_size=12))
def test_same_as_the_regular_expressions_of_the_specification(text: str) -> None:
    assert reference._is_path(text) == bool(re.fullmatch(f"{COMPONENT}(?:/{COMPONENT})*", text))
    assert reference.is_domain(text) == bool(re.fullmatch(rf"{LABEL}(?:\.{LABEL})*(?::[0-9]+)?", text))
    assert reference.is_tag(text) == bool(re.fullmatch(r"\w[\w.-]{0,127}", text))
