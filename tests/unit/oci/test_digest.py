import pytest

from sampan.errors import InvalidArgument
from sampan.oci import digest


def test_of_nothing() -> None:
    assert digest.of(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    "text", ["sha256:../..", "sha256:" + "A" * 64, "sha256:" + "a" * 63, "sha256:" + "a" * 65, "a" * 64, ""]
)
def test_what_is_no_digest(text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid checksum digest format"):
        digest.parse(text)


@pytest.mark.parametrize("text", ["md5:" + "a" * 32, "sha512:" + "a" * 128])
def test_other_algorithms(text: str) -> None:
    with pytest.raises(InvalidArgument, match="unsupported digest algorithm"):
        digest.parse(text)


def test_hex() -> None:
    assert digest.hex_of("sha256:" + "b" * 64) == "b" * 64
