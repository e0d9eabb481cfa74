"""Statuses to kinds."""

import pytest

from sampan import errors as kinds
from sampan.client import errors


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, kinds.InvalidArgument),
        (401, kinds.Unauthorized),
        (403, kinds.Forbidden),
        (404, kinds.NotFound),
        (409, kinds.Conflict),
        (418, kinds.InvalidArgument),
        (499, kinds.Cancelled),
        (500, kinds.Internal),
        (501, kinds.Unsupported),
        (503, kinds.Unavailable),
        (599, kinds.Internal),
    ],
)
def test_kinds(status: int, kind: type[Exception]) -> None:
    assert errors.kind_of(status) is kind


def test_messages() -> None:
    def text(body: bytes, reason: str = "") -> str:
        return str(errors.from_response(404, body, reason))

    assert text(b'{"message":"page not found"}') == "Error response from daemon: page not found"
    assert text(b"404 page not found\n") == "Error response from daemon: 404 page not found"
    assert text(b"", "Not Found") == "Error response from daemon: Not Found"
    assert text(b"") == "Error response from daemon: status 404"


def test_errors_in_streams() -> None:
    error = errors.from_stream({"code": 404, "message": "no such thing"}, "other")
    assert isinstance(error, kinds.NotFound)
    assert str(error) == "no such thing"
    assert str(errors.from_stream(None, "plain")) == "plain"
