"""Go's values in Python's clothes.

| Go | here |
|---|---|
| string, bool, int, float64 | str, bool, int, float |
| slice | list, tuple |
| map[string]… | dict |
| struct | Struct: a dict whose keys are fields; prints {a b}, cannot be ranged over |
| struct with methods (a row of a table) | Methods |
| a nil pointer that has a type | NIL |
| nil, no value | None |
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


class Struct(dict[str, "Any"]):
    """`go_name`: its type in error messages; "" where Docker has decoded it as a map when the message is
    made.
    """

    __slots__ = ("go_name",)

    def __init__(self, fields: Mapping[str, Any], go_name: str = "") -> None:
        super().__init__(fields)
        self.go_name = go_name


class Methods:
    """A value whose fields are methods: name → function of the arguments in the template."""

    __slots__ = ("go_name", "methods")

    def __init__(self, go_name: str, methods: Mapping[str, Callable[..., Any]]) -> None:
        self.go_name = go_name
        self.methods = methods


class NullList(list["Any"]):
    """A nil slice: empty, and null in JSON."""

    __slots__ = ()


class NullMap(dict[str, "Any"]):
    """A nil map: empty, and null in JSON."""

    __slots__ = ()


class _NilPointer:
    __slots__ = ()

    def __bool__(self) -> bool:
        return False


NIL = _NilPointer()

# Fields of the API that are maps; any other object is a struct.
_MAPS = frozenset(
    [
        "Labels",
        "Networks",
        "Ports",
        "PortBindings",
        "ExposedPorts",
        "Volumes",
        "Sysctls",
        "Options",
        "Opts",
        "Tmpfs",
        "DriverOpts",
        "Data",
        "Annotations",
        "StorageOpt",
        "Containers",
        "Config-of-LogConfig",
        "Attributes",
        "Runtimes",
        "Status",
        "Services",
        "IndexConfigs",
        "DeviceInfo",
        "AuxiliaryAddresses",
        "Details",
    ]
)
_POINTERS = frozenset(
    [
        "Health",
        "Healthcheck",
        "PidsLimit",
        "MemorySwappiness",
        "OomKillDisable",
        "Init",
        "StopTimeout",
        "IPAMConfig",
        "UsageData",
        "ImageManifestDescriptor",
        "Descriptor",
        "GraphDriver",
        "Server",
        "BindOptions",
        "VolumeOptions",
        "TmpfsOptions",
        "ClusterOptions",
    ]
)
# Fields that Docker leaves out of JSON when they are empty.
_OMITTED_STRINGS = frozenset(
    ["MacAddress", "StopSignal", "Isolation", "Cgroup", "Driver", "OSVersion", "Variant"]
)
_OMITTED_NUMBERS = frozenset(["SizeRw", "SizeRootFs"])
_OMITTED_LISTS = frozenset(["Mounts", "ExecIDs", "Shell", "OnBuild", "Manifests", "ConfigOnly"])


def is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def typed(value: Any, name: str = "", owner: str = "") -> Any:
    """A decoded JSON answer as Docker's client sees it after decoding it into its types. `name`: the field
    it is in.
    """
    if isinstance(value, dict):
        fields = {key: typed(item, key, name) for key, item in value.items()}
        is_map = name in _MAPS or (name == "Config" and owner == "LogConfig") or owner in _MAPS_OF_MAPS
        return fields if is_map else Struct(fields)
    if isinstance(value, list):
        return [typed(item, "", name) for item in value]
    return value if value is not None else _null(name)


_MAPS_OF_MAPS = frozenset({"ExposedPorts", "Volumes"})


def _null(name: str) -> Any:
    if name in _MAPS:
        return NullMap()
    return NIL if name in _POINTERS else NullList()


def omitted(name: str) -> Any:
    """What a field that is not in the JSON is, if Docker has such a field. Raises KeyError for others."""
    if name in _POINTERS:
        return NIL
    if name in _MAPS:
        return NullMap()
    if name in _OMITTED_LISTS:
        return NullList()
    if name in _OMITTED_STRINGS:
        return ""
    if name in _OMITTED_NUMBERS:
        return 0
    raise KeyError(name)


def type_name(value: Any) -> str:
    """%T, as far as values from JSON have Go types."""
    if value is None:
        return "<nil>"
    if isinstance(value, (Struct, Methods)) and value.go_name:
        return value.go_name
    if isinstance(value, dict):
        return "map[string]interface {}"
    if value and is_list(value) and isinstance(value[0], Struct) and value[0].go_name:
        return f"[]{value[0].go_name}"
    if is_list(value):
        return "[]string" if value and all(isinstance(item, str) for item in value) else "[]interface {}"
    return {str: "string", bool: "bool", int: "int", float: "float64"}.get(type(value), "interface {}")


def truth(value: Any) -> bool:
    """template.IsTrue."""
    if isinstance(value, (Struct, Methods)):
        return True
    return bool(value)
