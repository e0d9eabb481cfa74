"""`sampan version`."""

from __future__ import annotations

import sys

from sampan.cli import console
from sampan.cli.console import PROGRAM
from sampan.client.system.version import version
from sampan.errors import SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS]"
SHORT = "Show the versions of client and daemon"
ALIASES = ()
ARGUMENTS = (0, 0)
FLAGS = (("format", "f", "string", "", "@inspect"),)

VERSION = "0.1.0"
_API_VERSION = "1.51"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386", "armv7l": "arm"}


def own_version() -> str:
    """`sampan --version`."""
    build = ", build sampan" if PROGRAM == "docker" else ""  # scripts cut Docker's line at the comma
    return f"{PROGRAM.capitalize()} version {VERSION}{build}"


def main(session: Session, options: Values, arguments: list[str]) -> int:
    form = options["format"]
    printer = None
    if form and form != "json":
        from sampan.cli.listing import Printer

        printer = Printer(form, name="version", type_name="system.versionInfo", prefix="")
    client = facts(session.context)
    server, failure = None, None
    try:
        server = version(session.client)
    except (SampanError, OSError) as error:
        failure = error
    if server is not None:
        client["ApiVersion"] = _older(_API_VERSION, server.get("ApiVersion", _API_VERSION))
    both = {"Client": client, "Server": server}
    if printer is not None:
        printer.show([{side: _as_in_go(found) for side, found in both.items()}])
    elif form == "json":
        from sampan.wire import json

        console.out(json.dumps(both))
    else:
        console.out(_text(client, server))
    if failure is not None:
        raise failure
    return 0


def _as_in_go(found: dict[str, Any] | None) -> dict[str, Any] | None:
    """The one field whose name in Go, which templates use, is not its name in JSON."""
    if found is None:
        return None
    return {"APIVersion" if name == "ApiVersion" else name: value for name, value in found.items()}


def facts(context: str) -> dict[str, Any]:
    """What `version`, and `info`, say about the client."""
    import posix

    machine = posix.uname().machine
    return {
        "Version": VERSION,
        "ApiVersion": _API_VERSION,
        "DefaultAPIVersion": _API_VERSION,
        "GitCommit": "",
        "GoVersion": "",
        "PythonVersion": ".".join(map(str, sys.version_info[:3])),
        "Os": sys.platform,
        "Arch": _ARCHITECTURES.get(machine, machine),
        "BuildTime": "",
        "Context": context,
    }


def _older(ours: str, theirs: str) -> str:
    return min(ours, theirs, key=lambda text: [int(part) for part in text.split(".")])


def _text(client: dict[str, Any], server: dict[str, Any] | None) -> str:
    api, own = client["ApiVersion"], client["DefaultAPIVersion"]
    lines = [
        "Client:",
        f" Version:           {client['Version']}",
        f" API version:       {api}" + (f" (downgraded from {own})" if api != own else ""),
        f" Python version:    {client['PythonVersion']}",
        f" OS/Arch:           {client['Os']}/{client['Arch']}",
        f" Context:           {client['Context']}",
    ]
    if server is not None:
        platform = (server.get("Platform") or {}).get("Name", "")
        lines += ["", f"Server: {platform}".rstrip()]
        for component in server.get("Components") or [{"Name": "Engine", "Version": server["Version"]}]:
            lines += _component(component, server)
    return "\n".join(lines)


def _component(component: dict[str, Any], server: dict[str, Any]) -> list[str]:
    details = component.get("Details") or {}
    lines = [f" {component['Name']}:", f"  Version:          {component['Version']}"]
    if component["Name"] != "Engine":
        return lines + [f"  {name + ':':<17} {details[name]}" for name in sorted(details)]
    minimum = details.get("MinAPIVersion", server.get("MinAPIVersion", ""))
    api = details.get("ApiVersion", server.get("ApiVersion", ""))
    lines.append(f"  API version:      {api}" + (f" (minimum version {minimum})" if minimum else ""))
    names = (("Go version", "GoVersion"), ("Python version", "PythonVersion"), ("Git commit", "GitCommit"))
    lines += [f"  {label + ':':<17} {details[name]}" for label, name in names if details.get(name)]
    if details.get("BuildTime"):
        lines.append(f"  Built:            {_built(details['BuildTime'])}")
    system = f"{details.get('Os', server.get('Os', ''))}/{details.get('Arch', server.get('Arch', ''))}"
    lines.append(f"  OS/Arch:          {system}")
    lines.append(f"  Experimental:     {details.get('Experimental', 'false')}")
    return lines


def _built(text: str) -> str:
    """Go's time.ANSIC, as Docker shows it; what is no time stays as it is."""
    from time import gmtime, strftime

    from sampan.wire import times

    try:
        seconds, _, offset = times.parse(text)
    except (ValueError, IndexError):
        return text
    return strftime("%a %b %e %H:%M:%S %Y", gmtime(seconds + offset))
