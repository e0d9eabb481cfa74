"""Values out of query strings, as Docker's clients write them."""

from urllib.parse import parse_qs

import msgspec

from sampan.errors import InvalidArgument

_FALSE = frozenset(("", "0", "no", "false", "none"))
Filters = dict[str, list[str]]


class Query:
    """The query of one request; the first value of a name counts, as in Go's `r.Form.Get`."""

    def __init__(self, text: str) -> None:
        self._values = parse_qs(text, keep_blank_values=True, max_num_fields=1000) if text else {}

    def text(self, name: str, default: str = "") -> str:
        return self._values.get(name, [default])[0]

    def many(self, name: str) -> list[str]:
        return self._values.get(name, [])

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Docker's BoolValue: everything but "", 0, no, false and none is true, in any case."""
        if name not in self._values:
            return default
        return self.text(name).strip().lower() not in _FALSE

    def number(self, name: str) -> int | None:
        """A whole number, or None when it is absent or empty. Raises InvalidArgument."""
        value = self.text(name)
        if not value:
            return None
        if len(value) > 20 or not value.lstrip("-+").isdecimal():
            raise InvalidArgument(f'strconv.Atoi: parsing "{value[:64]}": invalid syntax')
        return int(value)

    def filters(self, allowed: frozenset[str] | None = None) -> Filters:
        return parse_filters(self.text("filters"), allowed)


def parse_filters(text: str, allowed: frozenset[str] | None = None) -> Filters:
    """`{"name": ["a", "b"]}`, or the form of before API 1.22, `{"name": {"a": true}}`.

    Raises InvalidArgument, also for a name that is not `allowed`."""
    if not text:
        return {}
    try:
        decoded = msgspec.json.decode(
            text.encode("utf-8", "replace"), type=dict[str, list[str] | dict[str, bool]]
        )
    except (msgspec.DecodeError, RecursionError):
        raise InvalidArgument("invalid filter") from None
    filters = {
        name: list(values) if isinstance(values, list) else [value for value, on in values.items() if on]
        for name, values in decoded.items()
    }
    for name in filters:
        if allowed is not None and name not in allowed:
            raise InvalidArgument(f"invalid filter '{name}'")
    return {name: values for name, values in filters.items() if values}
