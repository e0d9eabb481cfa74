"""What `runtime.container` raises, and how it crosses from the child to the monitor."""

import os

from sampan import errors

CANNOT_RUN = 126
NOT_FOUND = 127
NO_START = 128
CREATE = "failed to create task for container: OCI runtime create failed: unable to start container process: "
EXEC = "OCI runtime exec failed: exec failed: unable to start container process: "
INIT = "error during container init: "
_SEPARATOR = "\0"
_DIGITS = 3
_KINDS = frozenset(
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.SampanError)
)


class OciError(errors.SampanError):
    """`str(error)` is Docker's sentence; `kind` a class of sampan.errors; `exit_code` 126, 127 or 128."""

    def __init__(self, kind: str, message: str, exit_code: int = NO_START, prefix: str = "") -> None:
        super().__init__(prefix + message)
        self.kind = kind
        self.message = message  # without what Docker puts before it
        self.exit_code = exit_code
        self.prefix = prefix

    def prefixed(self, prefix: str) -> "OciError":
        return OciError(self.kind, self.message, self.exit_code, prefix + self.prefix)


def invalid(message: str) -> OciError:
    return OciError("InvalidArgument", message)


def unsupported(message: str) -> OciError:
    return OciError("Unsupported", message)


def of_system(doing: str, error: OSError) -> OciError:
    """`doing`: what was being done, e.g. 'mounting "proc" to rootfs at "/proc"'."""
    operand = f"{error.filename}: " if isinstance(error.filename, str) and error.filename else ""
    reason = os.strerror(error.errno) if error.errno else str(error)
    return OciError("Internal", f"error {doing}: {operand}{reason}".replace("\n", " "))


def pack(error: OciError) -> bytes:
    text = _SEPARATOR.join((error.kind, str(error.exit_code), error.message))
    return text.encode("utf-8", "surrogateescape")


def unpack(data: bytes) -> OciError:
    """Of whatever is sent: for a moment the sender can be reached from inside a container."""
    text = data.decode("utf-8", "surrogateescape")
    kind, code, message = (*text.split(_SEPARATOR, 2), "", "")[:3]
    if kind not in _KINDS or not (code.isascii() and code.isdigit() and len(code) <= _DIGITS):
        return OciError("Internal", "the process in the container said something else than an error")
    return OciError(kind, message, int(code))
