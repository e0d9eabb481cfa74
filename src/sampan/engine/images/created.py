"""The time in an image's configuration (RFC 3339, as anybody wrote it)."""

from datetime import UTC, datetime


def seconds(text: str | None) -> float:
    """Since 1970; 0 for none, and for what is no time."""
    head, dot, rest = (text or "").partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    try:
        moment = datetime.fromisoformat(head + (dot + rest[:digits][:6] + rest[digits:] if dot else ""))
    except ValueError:
        return 0.0
    try:
        return max((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp(), 0.0)
    except OverflowError:
        return 0.0
