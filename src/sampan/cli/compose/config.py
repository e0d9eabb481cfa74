"""`sampan compose config`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.compose import project
from sampan.cli.console import ExitWith

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session
    from sampan.compose.load import Loaded
    from sampan.compose.tree import Mapping

USAGE = "[OPTIONS] [SERVICE...]"
SHORT = "Parse, resolve and render compose file in canonical format"
ALIASES = ("compose config", "compose convert")
ARGUMENTS = (0, None)
FLAGS = (
    ("environment", "", "bool", False, "Print environment used for interpolation"),
    ("format", "", "string", "yaml", 'Format the output: "yaml", "json"'),
    ("hash", "", "string", "", "Print the service config hash, one per line"),
    ("images", "", "bool", False, "Print the image names, one per line"),
    ("networks", "", "bool", False, "Print the network names, one per line"),
    ("no-consistency", "", "bool", False, ""),
    ("no-env-resolution", "", "bool", False, "Don't resolve service env files"),
    ("no-interpolate", "", "bool", False, "Don't interpolate environment variables"),
    ("lock-image-digests", "", "bool", False, "Produces an override file with image digests"),
    ("models", "", "bool", False, "Print the model names, one per line"),
    ("no-normalize", "", "bool", False, "Don't normalize compose model"),
    ("no-path-resolution", "", "bool", False, "Don't resolve file paths"),
    ("output", "o", "string", "", "Save to file (default to stdout)"),
    ("profiles", "", "bool", False, "Print the profile names, one per line"),
    ("quiet", "q", "bool", False, "Only validate the configuration, don't print anything"),
    ("resolve-image-digests", "", "bool", False, "Pin image tags to digests"),
    ("services", "", "bool", False, "Print the service names, one per line"),
    ("to", "", "string", "", 'Write something else than a compose file ("kubernetes")'),
    ("variables", "", "bool", False, "Print model variables and default values"),
    ("volumes", "", "bool", False, "Print the volume names, one per line"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    if options["to"] not in ("", "kubernetes"):
        raise ExitWith(1, f'unsupported --to value "{options["to"]}": write kubernetes')
    asked = project.wanted(session)
    from sampan.compose import emit, load, select

    if options["no-interpolate"] or options["no-normalize"] or options["variables"]:
        return _as_written(options, asked)
    depth = load.Depth(
        not options["no-env-resolution"], not options["no-path-resolution"], not options["no-consistency"]
    )
    loaded = load.load(asked, project.warn, depth)
    if options["environment"]:
        for name, value in sorted(loaded.found.variables.items()):
            console.out(f"{name}={value}")
        return 0
    if options["profiles"]:
        return _lines(select.profiles(loaded.tree))
    if options["to"]:
        return _kubernetes(session, options, loaded, arguments)
    data = emit.plain(project.narrow(session, loaded, arguments))
    return _narrowed(session, options, data, loaded.name)


def _kubernetes(session: Session, options: Values, loaded: Loaded, arguments: list[str]) -> int:
    """Manifests on stdout or in a file, and a warning for each thing that is not in them."""
    from sampan.compose import emit
    from sampan.compose.kubernetes.convert import convert

    tree = project.narrow(session, loaded, arguments)
    converted = convert(project.model(session, loaded, arguments), emit.plain(tree))
    for line in converted.warnings:
        console.error(f"WARN[0000] {line}")
    if options["quiet"]:
        return 0
    if options["format"] == "json":
        import json

        whole = {"apiVersion": "v1", "kind": "List", "items": converted.manifests}
        return _write(options, json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
    return _write(options, "---\n".join(map(emit.yaml, converted.manifests)))


def _narrowed(session: Session, options: Values, data: dict[str, Any], name: str) -> int:
    from sampan.compose import emit

    if options["resolve-image-digests"] or options["lock-image-digests"]:
        _pin(session, data)
    if options["lock-image-digests"]:
        services = data["services"].items()
        pinned = {key: {"image": service["image"]} for key, service in services if service.get("image")}
        return _show(options, {"services": pinned})
    listed = _listed(options, data, name)
    if listed is not None:
        return _lines(listed)
    if options["hash"]:
        return _hashes(options["hash"], data)
    return _show(options, emit.escaped(data))


def _as_written(options: Values, asked: Any) -> int:
    from sampan.compose import emit, load

    written = load.as_written(asked, project.warn)
    if options["variables"]:
        return _variables(written.tree)
    data = emit.plain(written.tree)
    if options["services"]:
        return _lines(sorted(data.get("services", {})))
    return _show(options, data)


def _variables(tree: Mapping) -> int:
    from sampan.cli import format
    from sampan.compose import interpolate

    lines = [["NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"]]
    for name, (operator, other) in sorted(interpolate.names(tree).items()):
        required = "true" if "?" in operator else "false"
        default = other if "-" in operator else ""
        lines.append([name, required, default, other if "+" in operator else ""])
    console.write(console.STDOUT, format.table(lines).encode())
    return 0


def _listed(options: Values, data: dict[str, Any], name: str) -> list[str] | None:
    services: dict[str, Any] = data.get("services") or {}
    if options["services"]:
        return sorted(services)
    if options["volumes"]:
        return sorted(data.get("volumes") or {})
    if options["networks"]:
        return sorted(data.get("networks") or {})
    if options["models"]:
        return sorted(data.get("models") or {})
    if options["images"]:
        return [service.get("image") or f"{name}-{key}" for key, service in sorted(services.items())]
    return None


def _hashes(wanted: str, data: dict[str, Any]) -> int:
    from sampan.compose import hashing

    services: dict[str, Any] = data["services"]
    names = sorted(services) if wanted == "*" else wanted.split(",")
    for name in names:
        if name not in services:
            raise ExitWith(1, f"no such service: {name}")
        console.out(f"{name} {hashing.of_service(services[name])}")
    return 0


def _pin(session: Session, data: dict[str, Any]) -> None:
    """`name@digest` in place of what the registry has under each image's name now."""
    from sampan.cli.image import credentials, reference
    from sampan.client.image.distribution import distribution

    for service in data["services"].values():
        if not service.get("image") or "@" in service["image"]:
            continue
        name = reference.parse(service["image"])
        auth = credentials.header(session.config, name.domain)
        found = distribution(session.client, service["image"], auth=auth)
        tag = f":{name.tag}" if name.tag else ""
        service["image"] = f"{name.familiar}{tag}@{found['Descriptor']['digest']}"


def _lines(lines: list[str]) -> int:
    for line in lines:
        console.out(line)
    return 0


def _show(options: Values, data: dict[str, Any]) -> int:
    if options["quiet"]:
        return 0
    if options["format"] == "json":
        import json

        text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    elif options["format"] == "yaml":
        from sampan.compose import emit

        text = emit.yaml(emit.without_defaults(data))
    else:
        raise ExitWith(1, f'unsupported format "{options["format"]}": write yaml or json')
    return _write(options, text)


def _write(options: Values, text: str) -> int:
    if options["output"]:
        with open(options["output"], "w", encoding="utf-8") as file:
            file.write(text)
    else:
        console.write(console.STDOUT, text.encode("utf-8", "surrogateescape"))
    return 0
