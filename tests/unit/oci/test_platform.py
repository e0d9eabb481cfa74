import pytest

from sampan.errors import InvalidArgument
from sampan.oci.platform import Platform, choose, normalized, of_machine, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("linux/amd64", ("linux", "amd64", "")),
        ("linux/x86_64", ("linux", "amd64", "")),
        ("linux/arm64/v8", ("linux", "arm64", "")),
        ("linux/arm", ("linux", "arm", "v7")),
        ("linux/arm/v6", ("linux", "arm", "v6")),
        ("linux/armhf", ("linux", "arm", "v7")),
        ("arm64", ("linux", "arm64", "")),
        ("linux", ("linux", "amd64", "")),
        ("windows/amd64", ("windows", "amd64", "")),
    ],
)
def test_parse(text: str, expected: tuple[str, str, str]) -> None:
    assert parse(text, "x86_64") == expected


@pytest.mark.parametrize("text", ["", "/", "a/b/c/d", "linux/", "li nux/amd64"])
def test_what_is_no_platform(text: str) -> None:
    with pytest.raises(InvalidArgument):
        parse(text, "x86_64")


def test_text() -> None:
    assert str(Platform("linux", "arm", "v7")) == "linux/arm/v7"
    assert str(of_machine("aarch64")) == "linux/arm64"


def offered(*texts: str) -> list[Platform]:
    return [parse(text, "x86_64") for text in texts]


@pytest.mark.parametrize(
    ("candidates", "wanted", "index"),
    [
        (["linux/s390x", "linux/amd64"], "linux/amd64", 1),
        (["linux/arm/v5", "linux/arm/v6", "linux/arm/v7"], "linux/arm/v7", 2),
        (["linux/arm/v5", "linux/arm/v6"], "linux/arm/v7", 1),
        (["linux/arm/v7"], "linux/arm/v6", None),
        (["linux/arm64/v8"], "linux/arm64", 0),
        (["linux/arm/v7"], "linux/arm64", None),
        (["linux/amd64/v2", "linux/amd64"], "linux/amd64", 1),
        (["linux/amd64", "linux/amd64/v2"], "linux/amd64/v3", 1),
        (["linux/amd64", "linux/amd64"], "linux/amd64", 0),
        ([], "linux/amd64", None),
    ],
)
def test_choice(candidates: list[str], wanted: str, index: int | None) -> None:
    assert choose(offered(*candidates), normalized(parse(wanted, "x86_64"))) == index


def test_attestations_are_nobodys_platform() -> None:
    assert choose([Platform("unknown", "unknown")], of_machine("x86_64")) is None
