"""`sampan doctor`: what this machine can do, what each missing thing costs, how it is to be had.

Asks no daemon. With `sampan daemon` the only verb that needs the heavy side.
"""

from __future__ import annotations

from sampan.cli import console, format, libraries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

    Row = dict[str, Any]

USAGE = "[OPTIONS]"
SHORT = "Look what this machine can do, and what is missing"
ALIASES = ()
ARGUMENTS = (0, 0)
FLAGS = (
    ("data-root", "", "string", "/var/lib/sampan", "Directory of images, containers and volumes"),
    ("format", "", "string", "", "@table"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    libraries.enable()
    from sampan.doctor.report import examine

    rows: list[Row] = [
        {
            "Name": finding.name,
            "State": finding.state.value,
            "Found": finding.found,
            "Cost": finding.cost,
            "Remedy": finding.remedy,
        }
        for finding in examine(options["data-root"])
    ]
    if options["format"]:
        listing = format.Listing("doctor.Finding", FIELDS, COLUMNS, key="Name")
        listing.show(rows, options["format"], format.View())
    else:
        for row in rows:
            console.out(format.plain(line(row)))
    return int(any(row["State"] == "missing" for row in rows))


def line(row: Row) -> str:
    """`reduced   user namespaces: Operation not permitted; costs --userns; sysctl …`."""
    text = f"{row['State']:<9} {row['Name']}: {row['Found']}"
    if row["Cost"]:
        text += f"; costs: {row['Cost']}"
    return f"{text}; get it: {row['Remedy']}" if row["Remedy"] else text


def _field(name: str) -> format.Field:
    return name.upper(), lambda row, view: row[name]


COLUMNS = ("State", "Name", "Found", "Cost", "Remedy")
FIELDS: dict[str, format.Field] = {name: _field(name) for name in COLUMNS}
