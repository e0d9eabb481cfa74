import pytest

from sampan.errors import Forbidden
from sampan.registry.http import check_redirect


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("https://a/x", "https://b/y"),
        ("http://a/x", "https://b/y"),
        ("http://a/x", "http://b/y"),
        ("http://127.0.0.1:5000/x", "http://127.0.0.1:6000/y"),
        ("http://localhost/x", "http://[::1]/y"),
    ],
)
def test_followed(source: str, target: str) -> None:
    check_redirect(source, target)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("https://a/x", "http://a/x"),
        ("https://a/x", "file:///etc/passwd"),
        ("https://a/x", "unix:///run/sampan/sampan.sock"),
        ("https://a/x", "https://user:password@b/"),
        ("https://a/x", "https://169.254.169.254/latest/meta-data"),
        ("http://a/x", "http://[fe80::1]/"),
        ("https://a/x", "https://127.0.0.1/"),
        ("http://a/x", "http://localhost:2375/"),
        ("http://a/x", "http://[::1]/"),
        ("https://a/x", "https:///"),
    ],
)
def test_refused(source: str, target: str) -> None:
    with pytest.raises(Forbidden, match="redirect"):
        check_redirect(source, target)
