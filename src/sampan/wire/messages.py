"""The daemon's progress streams: JSON objects one after another, as `pull`, `load` and `import` answer."""

from __future__ import annotations

from sampan.wire import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Messages:
    """Bytes in, decoded objects out. The daemon ends each object with a line end."""

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        *lines, self._pending = (self._pending + data).split(b"\n")
        return [json.loads(line) for line in lines if line.strip()]

    def end(self) -> list[dict[str, Any]]:
        """What stands behind the last line end."""
        rest, self._pending = self._pending, b""
        return [json.loads(rest)] if rest.strip() else []
