"""The kinds of error, floor 0.

Nine kinds and no more. A kind decides the HTTP status (`api.status`) and, on the other side of the
socket, the exception that the client raises (`client.errors`); the text is Docker's sentence. Errors
of the kernel stay `OSError` until the floor that knows their meaning turns them into one of these.
"""


class SampanError(Exception):
    """Base of all: `str(error)` is the sentence that the user reads."""


class NotFound(SampanError):
    """The named thing does not exist (404)."""


class InvalidArgument(SampanError):
    """The request itself is wrong and will stay wrong (400)."""


class Conflict(SampanError):
    """The request is right, but not in the state that things are in (409)."""


class Unauthorized(SampanError):
    """No, or wrong, credentials (401)."""


class Forbidden(SampanError):
    """Known and refused (403)."""


class Unavailable(SampanError):
    """Something we depend on does not answer; trying again may help (503)."""


class Unsupported(SampanError):
    """Understood, but not to be had: on this machine, or in this version (501)."""


class Cancelled(SampanError):
    """Given up because the caller went away or said so (499)."""


class Internal(SampanError):
    """A fault of ours, or of the machine (500)."""
