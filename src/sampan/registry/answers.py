"""What registries say when they refuse (distribution-spec, "Error Codes"), in the words that Docker makes
of it."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from sampan.errors import Forbidden, InvalidArgument, NotFound, SampanError, Unauthorized, Unavailable

_TEXT_LIMIT = 500
_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)


class ManifestUnknown(NotFound):
    """The repository has no such tag or digest, or there is no such repository."""


class NameUnknown(NotFound):
    """There is no such repository."""


class Denied(Forbidden):
    """The registry does not say whether it is there."""


class Answer(Protocol):
    status: int
    headers: Mapping[str, str]

    def body(self, limit: int) -> bytes: ...


class _Error(msgspec.Struct):
    code: str = ""
    message: str = ""
    detail: Any = None


class _Errors(msgspec.Struct):
    errors: list[_Error] = []
    details: str = ""


def is_transient(status: int) -> bool:
    return status in _TRANSIENT


def failure(status: int, body: bytes, what: str) -> SampanError:
    """The error for a response that is no success; `what`: the request, as `Get "https://…"`."""
    code, text = _first(body)
    if not text:
        text = f"received unexpected HTTP status: {status} {_reason(status)}".strip()
        text = f"{what}: {text}"
    return _kind(status, code)(text)


def _first(body: bytes) -> tuple[str, str]:
    """Code and sentence; ("", "") for what is no error document, an HTML page for instance."""
    try:
        document = msgspec.json.decode(body, type=_Errors)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", ""
    if document.errors:
        first = document.errors[0]
        words = first.code.lower().replace("_", " ") or "unknown"
        return first.code, f"{words}: {_clean(first.message)}"
    return ("UNAUTHORIZED", f"unauthorized: {_clean(document.details)}") if document.details else ("", "")


def _clean(text: str) -> str:
    """A registry's text may not write to a terminal, nor fill it."""
    return "".join(c for c in text[:_TEXT_LIMIT] if c.isprintable())


def _kind(status: int, code: str) -> type[SampanError]:
    known = {"MANIFEST_UNKNOWN": ManifestUnknown, "NAME_UNKNOWN": NameUnknown, "DENIED": Denied}.get(code)
    if known is not None:
        return known
    if status == 401 or code == "UNAUTHORIZED":
        return Unauthorized
    if status == 403:
        return Forbidden
    if status == 404:
        return NotFound
    return InvalidArgument if status in (400, 405, 406, 416) else Unavailable


def _reason(status: int) -> str:
    from http import HTTPStatus

    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
