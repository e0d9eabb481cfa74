"""What all `inspect` verbs do: find each name, print all as one JSON array or each by a template, then tell
what failed.
"""

from __future__ import annotations

from sampan.cli import console
from sampan.errors import SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

FORMAT = ("format", "f", "string", "", "@inspect")


def show(names: Sequence[str], form: str, find: Callable[[str], Any], type_name: str = "") -> int:
    """Print what `find` finds: the exit status. A name that is not found does not hide the others.
    `type_name`: of Go, where a template cannot ask for more than the type has.
    """
    printer = None
    if form and form != "json":
        from sampan.cli.listing import Printer

        printer = Printer(form, type_name=type_name)
    found, errors = [], []
    for name in names:
        try:
            found.append(find(name))
        except SampanError as error:
            errors.append(str(error))
    if printer is not None:
        printer.show(found)
    elif form == "json":
        from sampan.wire import json

        console.out(json.dumps(found))
    else:
        from sampan.cli import pretty

        console.out(pretty.dumps(found))
    if errors:
        console.error("\n".join(errors))
    return 1 if errors else 0
