"""Extended headers of pax archives: `LENGTH KEY=VALUE\\n`, again and again (pax(1), "pax Extended
Header")."""

from sampan.errors import InvalidArgument

_DIGITS_LIMIT = 20
_SECOND_DIGITS = 12


def records(body: bytes) -> dict[bytes, bytes]:
    """Later records win, except that `GNU.sparse.offset` and `.numbytes` repeat (format 0.0): those are
    gathered under `GNU.sparse.map`, as format 0.1 writes them."""
    found: dict[bytes, bytes] = {}
    pieces: list[bytes] = []
    position = 0
    while position < len(body):
        key, value, position = _record(body, position)
        if key in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):
            pieces.append(value)
        else:
            found[key] = value
    if pieces:
        found[b"GNU.sparse.map"] = b",".join(pieces)
    return found


def _record(body: bytes, position: int) -> tuple[bytes, bytes, int]:
    space = body.find(b" ", position, position + _DIGITS_LIMIT)
    digits = body[position:space]
    end = position + int(digits) if space > 0 and digits.isdigit() else 0
    if not space < end <= len(body) or body[end - 1 : end] != b"\n":
        raise InvalidArgument("archive/tar: invalid tar header")
    key, equals, value = body[space + 1 : end - 1].partition(b"=")
    if not equals or not key or (b"\0" in value and not key.startswith(b"SCHILY.xattr.")) or b"\0" in key:
        raise InvalidArgument("archive/tar: invalid tar header")
    return key, value, end


def number(value: bytes) -> int:
    """A decimal number that is not negative."""
    if not value.isdigit() or len(value) > _DIGITS_LIMIT:
        raise InvalidArgument("archive/tar: invalid tar header")
    return int(value)


def nanoseconds(value: bytes) -> int:
    """A time with a fraction of any length; exact, unlike what passes through a float. Negative for what is
    no time at all or too far away, which the caller treats as Docker does."""
    whole, _, fraction = value.partition(b".")
    if not whole.isdigit() or len(whole) > _SECOND_DIGITS or (fraction and not fraction.isdigit()):
        return -1
    return int(whole) * 1_000_000_000 + int(fraction[:9].ljust(9, b"0"))
