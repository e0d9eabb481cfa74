"""`--output`: where the result of a build goes besides the daemon's store."""

from __future__ import annotations

import contextlib
import os

from sampan.cli import console
from sampan.cli.console import ExitWith

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.session import Session

_TYPES = ("image", "docker", "oci", "tar", "local", "registry")


class Output:
    """`unpacked`: an OCI layout as a directory, not as an archive."""

    __slots__ = ("destination", "kind", "name", "unpacked")

    def __init__(self, kind: str, destination: str, name: str, *, unpacked: bool = False) -> None:
        self.kind = kind
        self.destination = destination
        self.name = name
        self.unpacked = unpacked

    @property
    def keeps_image(self) -> bool:
        """The daemon's store is where it goes."""
        return self.kind in ("image", "registry") or (self.kind == "docker" and not self.destination)


class Delivery:
    """`names`: what the image is called in an archive."""

    __slots__ = ("names", "outputs")

    def __init__(self, outputs: list[Output], names: list[str]) -> None:
        self.outputs = outputs
        self.names = names


def parse(given: list[str], *, push: bool) -> list[Output]:
    outputs = [_one(text) for text in given]
    if push:
        outputs.append(Output("registry", "", ""))
    return outputs


def _one(text: str) -> Output:
    if "=" not in text:
        return Output("tar", "-", "") if text == "-" else Output("local", text, "")
    fields = {}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        if not equals:
            raise ExitWith(1, f"ERROR: invalid value {part}, expected k=v")
        fields[key.strip().lower()] = value
    kind = fields.get("type", "")
    if kind not in _TYPES:
        raise ExitWith(
            1, f"ERROR: unknown exporter type {kind!r}" if kind else "ERROR: type is required for output"
        )
    destination = fields.get("dest", "")
    unpacked = kind in ("oci", "docker") and fields.get("tar", "true").lower() == "false"
    if (kind in ("local", "tar", "oci") or unpacked) and not destination:
        if kind == "local" or unpacked:
            raise ExitWith(1, f"ERROR: dest is required for {kind} output")
        destination = "-"
    if destination == "-" and console.is_terminal(console.STDOUT):
        raise ExitWith(1, "ERROR: dest file is required for the exporter: refusing to write to a terminal")
    if kind == "image" and fields.get("push") == "true":
        kind = "registry"
    return Output(kind, destination, fields.get("name", ""), unpacked=unpacked)


def leaves_no_image(outputs: list[Output], *, load: bool) -> bool:
    """All that was asked for goes elsewhere."""
    return bool(outputs) and not load and not any(output.keeps_image for output in outputs)


def tags(names: list[str], outputs: list[Output], *, load: bool) -> list[str]:
    """The names that the image has in the daemon's store."""
    if leaves_no_image(outputs, load=load):
        return []
    own = [output.name for output in outputs if output.keeps_image and output.name]
    return list(dict.fromkeys([*names, *own]))


def forget(session: Session, built: dict[str, Any]) -> None:
    """An image that was made for an archive only; one that was here before stays."""
    from sampan.client.image.rmi import rmi
    from sampan.errors import SampanError

    if built.get("new"):
        with contextlib.suppress(SampanError):  # somebody uses it already
            rmi(session.client.another(), str(built["ID"]), force=False)


def write_file(path: str, data: bytes) -> None:
    try:
        with open(path, "wb") as file:
            file.write(data)
    except OSError as error:
        raise ExitWith(1, f"ERROR: open {path}: {(error.strerror or '').lower()}") from None


def write_metadata(path: str, image: str, tags: list[str]) -> None:
    from sampan.wire import json

    found = {"containerimage.config.digest": image, "containerimage.digest": image}
    if tags:
        found["image.name"] = ",".join(tags)
    write_file(path, json.dumpb(found) + b"\n")


def deliver(session: Session, outputs: list[Output], image: str, *, names: list[str]) -> None:
    """Everything but what stays in the daemon's store."""
    for output in outputs:
        if output.kind == "registry":
            _push(session, [output.name] if output.name else names)
        elif output.kind == "oci" or (output.kind == "docker" and output.destination):
            _save(session, image, [output.name] if output.name else names, output)
        elif output.kind in ("tar", "local"):
            _root(session, image, output)


def _push(session: Session, names: list[str]) -> None:
    from sampan.cli.image import pushing, reference

    if not names:
        raise ExitWith(1, "ERROR: tag is needed when pushing to registry")
    for text in names:
        name = reference.parse(text)
        pushing.push(session, name, name.tag or "latest", descriptor=console.STDERR)


def _save(session: Session, image: str, names: list[str], wanted: Output) -> None:
    """One archive that is Docker's and an OCI layout at the same time."""
    from sampan.cli.image import layout, output
    from sampan.client.image.save import save

    chunks = save(session.client.another(), [image], called=names)
    if wanted.unpacked:
        layout.unpack(chunks, wanted.destination)
    else:
        output.write(chunks, "" if wanted.destination == "-" else wanted.destination)


def _root(session: Session, image: str, wanted: Output) -> None:
    """The root file system, by way of a container that never runs."""
    from sampan.cli.container import local
    from sampan.cli.image import output
    from sampan.client.container import archive
    from sampan.client.container.create import create
    from sampan.client.container.export import export
    from sampan.client.container.rm import rm

    config = {"Image": image, "Entrypoint": ["/"], "Cmd": None, "NetworkDisabled": True}
    container = str(create(session.client, config)["Id"])
    try:
        if wanted.kind == "tar":
            chunks = export(session.client.another(), container)
            output.write(chunks, "" if wanted.destination == "-" else wanted.destination)
        else:
            os.makedirs(wanted.destination, exist_ok=True)
            _, pieces = archive.get(session.client.another(), container, "/.")
            local.unpack(pieces, local.Source("/.", is_directory=True), wanted.destination)
    finally:
        rm(session.client, container, force=True)
