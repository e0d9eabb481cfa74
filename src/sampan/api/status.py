"""One table: kind of error → HTTP status. Its inverse stands in `client.errors`."""

import errno
import logging
import os

import msgspec

from sampan.api.messages import Response, TooLarge
from sampan.errors import (
    Cancelled,
    Conflict,
    Forbidden,
    Internal,
    InvalidArgument,
    NotFound,
    SampanError,
    Unauthorized,
    Unavailable,
    Unsupported,
)

STATUS: dict[type[SampanError], int] = {
    NotFound: 404,
    InvalidArgument: 400,
    Conflict: 409,
    Unauthorized: 401,
    Forbidden: 403,
    Unavailable: 503,
    Unsupported: 501,
    Cancelled: 499,
    Internal: 500,
    TooLarge: 413,
}
_log = logging.getLogger(__name__)


def status_of(error: BaseException) -> int:
    """The status of an error: that of the nearest kind among its bases, 500 for anything unknown."""
    for kind in type(error).__mro__:
        if (status := STATUS.get(kind)) is not None:
            return status
    return 500


def answer(error: Exception) -> Response:
    """`{"message": …}`, as every error of the Engine API. An error that is not one of ours is a fault:
    it is logged with its traceback."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        what = f"{error.filename}: " if error.filename else ""
        return message(500, what + os.strerror(error.errno).lower())
    if not isinstance(error, SampanError):
        _log.error("unexpected %s", type(error).__name__, exc_info=error)
    return message(status_of(error), str(error) or type(error).__name__)


def message(status: int, text: str) -> Response:
    return Response(status, msgspec.json.encode({"message": encodable(text)}) + b"\n")


def encodable(text: str) -> str:
    """Without the lone surrogates that names of files may bring along."""
    return text.encode("utf-8", "backslashreplace").decode()
