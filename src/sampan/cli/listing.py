"""`--format` with a template: rows of a table, inspected objects, events."""

from __future__ import annotations

from sampan.cli import console, format
from sampan.cli.console import ExitWith
from sampan.cli.template import functions, values
from sampan.cli.template.errors import ExecutionError, ParseError
from sampan.cli.template.evaluate import Template

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

_LABEL = "Label"  # the one method of rows that takes an argument


def text(listing: format.Listing, rows: Sequence[Any], form: str, view: format.View) -> str:
    """Rows by `json`, `raw`, `table TEMPLATE` or `TEMPLATE`."""
    is_table, form = _split_table(form, listing)
    template = _parsed(form, functions.ALL)
    if is_table:
        header = _executed(_parsed(form, functions.HEADER), _headers(listing))
        lines = [header.split("\t")]
        for row in rows:
            shown = _executed(template, _row(listing, row, view))
            lines += [[format.plain(cell) for cell in line.split("\t")] for line in shown.split("\n")]
        return format.table(lines)
    # One write: Docker prints all rows or, when one fails, none.
    return "".join(_executed(template, _row(listing, row, view)) + "\n" for row in rows)


def check(listing: format.Listing, form: str) -> None:
    """Leave if `form` is no template, or asks for what rows do not have."""
    try:
        Template(form).execute(_headers(listing))
    except ParseError as error:
        raise ExitWith(1, f"failed to parse template: {error}") from None
    except ExecutionError as error:
        raise ExitWith(1, f"failed to execute template: {error}") from None


def _split_table(form: str, listing: format.Listing) -> tuple[bool, str]:
    """(whether columns are to be aligned, the template)."""
    if form == "json":
        return False, "{{json .}}"
    if form == "raw" and listing.raw:
        return False, "".join(
            f"{label}:{{{{with .{name}}}}} {{{{.}}}}{{{{end}}}}\n" for label, name in listing.raw
        )
    is_table = form.startswith("table")
    if is_table:
        form = form.removeprefix("table").strip(" ")
    return is_table, form.replace("\\t", "\t").replace("\\n", "\n")


def _parsed(form: str, available: dict[str, functions.Function]) -> Template:
    try:
        return Template(form, available=available)
    except ParseError as error:
        raise ExitWith(1, f"template parsing error: {error}") from None


def _executed(template: Template, value: Any) -> str:
    try:
        return template.execute(value)
    except ExecutionError as error:
        raise ExitWith(1, f"template parsing error: {error}") from None


def _row(listing: format.Listing, row: Any, view: format.View) -> values.Methods:
    def method(name: str) -> Callable[[], Any]:
        value = listing.fields[name][1]

        def cell() -> Any:
            found = value(row, view)
            return values.NIL if found is None else found

        return cell

    methods: dict[str, Callable[..., Any]] = {name: method(name) for name in listing.fields}
    if "Labels" in listing.fields:
        methods[_LABEL] = _Label(row)
    return values.Methods(listing.type_name, methods)


class _Label:
    """`{{.Label "com.example"}}`."""

    wanted = 1

    def __init__(self, row: Any) -> None:
        self._row = row

    def __call__(self, name: str) -> str:
        return str((self._row.get("Labels") or {}).get(name, ""))


class _LabelHeader:
    """The header of a label: its last part, in words (docker/cli, formatter.SubHeaderContext)."""

    wanted = 1

    def __call__(self, name: str) -> str:
        return name.rpartition(".")[2].replace("-", " ").replace("_", " ")


def _headers(listing: format.Listing) -> values.Methods:
    methods: dict[str, Callable[..., Any]] = {_LABEL: _LabelHeader()}
    for name, (header, _) in listing.fields.items():
        methods[name] = lambda header=header: header
    return values.Methods(listing.type_name, methods)


class Printer:
    """`inspect --format`, `version --format`, `info --format`. Raises ExitWith (64) for what is no template.

    `type_name`: what Docker's client decodes the answer into, where it has no plan B. Without one, a
    field that the API does not have is a key that is missing in a map. `prefix`: what its errors begin with.
    """

    def __init__(
        self, form: str, name: str = "", type_name: str = "", prefix: str = "template parsing error: "
    ) -> None:
        self._type_name = type_name
        self._prefix = prefix
        # In Docker's types the field is ID, in the API's JSON it is Id: templates may say either.
        self._alias = ".ID" in form
        try:
            self._template = Template(form, name)
        except ParseError as error:
            raise ExitWith(64, f"template parsing error: {error}") from None

    def holds(self, item: Any) -> bool:
        """Whether `item` has all that the template asks for."""
        value = values.typed(item)
        value.go_name = self._type_name or "any"
        try:
            self._template.execute(value, strict=True)
        except ExecutionError:
            return False
        return True

    def show(self, items: Sequence[Any]) -> None:
        """Print the text for each, one a line."""
        for item in items:
            value = values.typed(item)
            if self._alias and "Id" in value:
                value.setdefault("ID", value["Id"])
            if self._type_name:
                value.go_name = self._type_name
            try:
                console.out(self._template.execute(value, strict=True))
            except ExecutionError as error:
                console.out(error.partial)
                raise ExitWith(1, f"{self._prefix}{error}") from None


# The fields of Go's events.Message.
_EVENT = ("Action", "Actor", "From", "ID", "Scope", "Status", "Time", "TimeNano", "Type")


def each_event(form: str) -> Callable[[dict[str, Any]], None]:
    """What prints one event by the template `form`."""
    try:
        template = Template(form)
        sample = {
            **dict.fromkeys(_EVENT, ""),
            "Actor": values.Struct({"ID": "", "Attributes": {}}, "events.Actor"),
        }
        template.execute(values.Struct(sample, "*events.Message"))
    except (ParseError, ExecutionError) as error:
        raise ExitWith(64, f"Error parsing format: {error}") from None

    def show_event(event: dict[str, Any]) -> None:
        names = {
            "id": "ID",
            "status": "Status",
            "from": "From",
            "scope": "Scope",
            "time": "Time",
            "timeNano": "TimeNano",
        }
        fields = {names.get(key, key): values.typed(value, key) for key, value in event.items()}
        if form == "{{json .}}":
            console.out(functions.to_json(values.Struct(event)))
            return
        for key, default in (("ID", ""), ("Status", ""), ("From", "")):
            fields.setdefault(key, default)
        try:
            console.out(template.execute(values.Struct(fields, "*events.Message")))
        except ExecutionError as error:
            raise ExitWith(1, str(error)) from None

    return show_event
