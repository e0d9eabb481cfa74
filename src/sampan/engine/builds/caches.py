"""`--cache-from` and `--cache-to`: the words that they take."""

from typing import NamedTuple

from sampan.errors import InvalidArgument
from sampan.oci import reference as references

_IMPORTERS = ("registry", "local")
_EXPORTERS = ("registry", "local", "inline")
_MODES = ("min", "max")


class CacheSource(NamedTuple):
    """`here`: an image of that name may be in the store, too; `directory`: an OCI layout on this machine."""

    reference: str = ""
    here: bool = False
    directory: str = ""
    tag: str = "latest"

    @property
    def name(self) -> str:
        return self.directory or self.reference


class CacheTarget(NamedTuple):
    """`all`: also what is no part of the image; `optional`: no reason to fail."""

    kind: str
    reference: str = ""
    all: bool = False
    optional: bool = False


def source(text: str) -> CacheSource:
    """Raises InvalidArgument in BuildKit's words."""
    if _is_reference(text):
        return CacheSource(_reference(text), here=True)
    fields = _fields(text)
    kind = fields.get("type", "")
    if kind not in _IMPORTERS:
        raise InvalidArgument(f"unknown cache importer: {kind}")
    if kind == "registry":
        return CacheSource(_reference(fields.get("ref", "")))
    if not fields.get("src"):
        raise InvalidArgument("local cache importer requires src")
    return CacheSource(directory=fields["src"], tag=fields.get("digest") or fields.get("tag") or "latest")


def target(text: str) -> CacheTarget:
    """Raises InvalidArgument in BuildKit's words."""
    if _is_reference(text):
        return CacheTarget("registry", _reference(text))
    fields = _fields(text)
    kind, mode = fields.get("type", ""), fields.get("mode", "min")
    if kind not in _EXPORTERS:
        raise InvalidArgument(f'unknown cache exporter: "{kind}"')
    if mode not in _MODES:
        raise InvalidArgument(f"invalid cache export mode: {mode}")
    reference = _reference(fields.get("ref", "")) if kind == "registry" else ""
    return CacheTarget(kind, reference, mode == "max", fields.get("ignore-error") == "true")


def _is_reference(text: str) -> bool:
    """The short form: as `type=registry,ref=…`."""
    return "=" not in text


def _reference(text: str) -> str:
    if not text:
        raise InvalidArgument("cache options require the ref attribute")
    return references.parse(text).with_default_tag().canonical


def _fields(text: str) -> dict[str, str]:
    found = {}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        if not equals:
            raise InvalidArgument(f"invalid value {part}")
        found[key.strip().lower()] = value
    return found
