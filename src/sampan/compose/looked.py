"""Where this process, which reads one project, has looked for files: what was there, and what was not."""

from __future__ import annotations

_places: dict[str, None] = {}
_texts: dict[str, str] = {}


def at(path: str) -> str:
    """The path itself, for whoever opens it or asks whether it is there."""
    _places[path] = None
    return path


def text(path: str, content: str) -> str:
    """The content itself, in which variables may be named."""
    _texts[path] = content
    return content


def places() -> list[str]:
    """All of them, as they were written."""
    return list(_places)


def texts() -> dict[str, str]:
    """path → content."""
    return dict(_texts)
