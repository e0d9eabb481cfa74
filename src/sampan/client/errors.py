"""The inverse of the daemon's table kind → HTTP status: which exception an answer becomes."""

from __future__ import annotations

from sampan import errors
from sampan.wire import json

_KINDS: dict[int, type[errors.SampanError]] = {
    400: errors.InvalidArgument,
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: errors.Unsupported,
    406: errors.InvalidArgument,
    409: errors.Conflict,
    412: errors.Conflict,
    499: errors.Cancelled,
    501: errors.Unsupported,
    502: errors.Unavailable,
    503: errors.Unavailable,
    504: errors.Unavailable,
}
PREFIX = "Error response from daemon: "


def kind_of(status: int) -> type[errors.SampanError]:
    """The kind for an HTTP status of 400 and above."""
    return _KINDS.get(status, errors.InvalidArgument if status < 500 else errors.Internal)


def from_response(status: int, body: bytes, reason: str = "") -> errors.SampanError:
    """The error that a daemon's answer `{"message": "…"}` stands for, in the words that Docker's client
    prints.
    """
    return kind_of(status)(PREFIX + (_message(body) or reason or f"status {status}"))


def from_stream(detail: object, text: object) -> errors.SampanError:
    """The error that an `errorDetail` in a progress stream stands for. It comes after the status 200."""
    message = detail.get("message") if isinstance(detail, dict) else None
    code = detail.get("code") if isinstance(detail, dict) else None
    kind = kind_of(code) if isinstance(code, int) and code >= 400 else errors.Internal
    return kind(str(message or text))


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace").strip()
