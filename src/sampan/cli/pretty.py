"""JSON for people, indented by four as `inspect` prints it. Escapes what Go escapes: <, > and & only on
demand.
"""

from __future__ import annotations

from sampan.wire import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def dumps(value: Any, indent: str = "    ") -> str:
    return _indented(value, "\n", indent)


def _indented(value: Any, newline: str, indent: str) -> str:
    inner = newline + indent
    if isinstance(value, dict) and value:
        items = [f"{json.quote(key)}: {_indented(item, inner, indent)}" for key, item in value.items()]
        return "{" + inner + ("," + inner).join(items) + newline + "}"
    if isinstance(value, (list, tuple)) and value:
        items = [_indented(item, inner, indent) for item in value]
        return "[" + inner + ("," + inner).join(items) + newline + "]"
    return json.dumps(value)
