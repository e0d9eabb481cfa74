"""`--security-opt`: a seccomp profile is read here, for the daemon may be elsewhere."""

from __future__ import annotations

from sampan.errors import InvalidArgument
from sampan.wire import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


def options(texts: Sequence[str]) -> dict[str, Any]:
    """The fields of HostConfig that they set."""
    host: dict[str, Any] = {}
    passed: list[str] = []
    for text in texts:
        if text == "systempaths=unconfined":
            host["MaskedPaths"] = []
            host["ReadonlyPaths"] = []
        else:
            passed.append(_option(text))
    if passed:
        host["SecurityOpt"] = passed
    return host


def _option(text: str) -> str:
    name, separator, value = text.partition("=" if "=" in text else ":")
    if not separator and name != "no-new-privileges":
        raise InvalidArgument(f"Invalid --security-opt: {json.quote(text)}")
    if name != "seccomp" or value in ("unconfined", "builtin"):
        return text
    try:
        with open(value, "rb") as file:
            profile = json.loads(file.read())
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise InvalidArgument(f"opening seccomp profile ({value}) failed: open {value}: {reason}") from None
    except ValueError as error:
        raise InvalidArgument(f"compacting json for seccomp profile ({value}) failed: {error}") from None
    return f"seccomp={json.dumps(profile)}"
