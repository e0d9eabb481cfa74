"""A project as YAML and JSON, as `docker compose config` prints it."""

from __future__ import annotations

import re
from typing import Any

from sampan.compose.tree import Mapping, data

_TOP = ("name", "services", "networks", "volumes", "secrets", "configs", "models")
_FIRST_KEYS = {  # the rest follows by name
    "ports": ("name", "mode", "host_ip", "target", "published", "protocol", "app_protocol"),
    "volumes": ("type", "source", "target", "read_only", "consistency"),
    "secrets": ("source", "target"),
    "configs": ("source", "target"),
}
_NUMBER = re.compile(r"[-+]?(0[xob][0-9a-fA-F_]+|(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?)\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?\Z")  # YAML 1.1 reads it as a number
_WORDS = ("null", "true", "false", "yes", "no", "on", "off", "y", "n", "~", "", "<<", "=")
_MARKS = ("- ", "? ", ": ")
_FIRST = "&*!|>'\"%@`{}[],#"


def plain(tree: Mapping) -> dict[str, Any]:
    """The project as data, its keys in Compose's order."""
    found: Any = data(tree)
    ordered = {key: found[key] for key in _TOP if key in found and found[key] != {}}
    ordered |= {key: found[key] for key in sorted(found) if key not in _TOP}
    return {key: _sorted(value) for key, value in ordered.items()}


def _sorted(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        if key == "extra_hosts":
            return [f"{host}={address}" for host in sorted(value) for address in value[host]]
        return {name: _sorted(value[name], name) for name in sorted(value)}
    if isinstance(value, list):
        order = _FIRST_KEYS.get(key, ())
        return [_in_order(item, order) if order else _sorted(item) for item in value]
    return f"{value:04o}" if key == "mode" and isinstance(value, int) else value


def _in_order(item: Any, order: tuple[str, ...]) -> Any:
    found = _sorted(item)
    if not isinstance(found, dict):
        return found
    return {key: found[key] for key in (*order, *(key for key in found if key not in order)) if key in found}


def escaped(value: Any) -> Any:
    """With `$` doubled, so that what is printed can be read again."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, dict):
        return {key: escaped(item) for key, item in value.items()}
    return [escaped(item) for item in value] if isinstance(value, list) else value


def without_defaults(project: dict[str, Any]) -> dict[str, Any]:
    """For YAML: a command that the image decides is not said; JSON has it as null."""
    services = {}
    for name, service in (project.get("services") or {}).items():
        services[name] = {
            key: value
            for key, value in service.items()
            if value is not None or key not in ("command", "entrypoint")
        }
    return {**project, "services": services} if "services" in project else project


def yaml(value: Any) -> str:
    """Block style, two spaces."""
    return "".join(_lines(value, 0)) if value else "{}\n"


def _lines(value: Any, depth: int) -> list[str]:
    indent = "  " * depth
    found: list[str] = []
    if isinstance(value, dict):
        for key, item in value.items():
            found += _entry(f"{indent}{_scalar(str(key), depth)}:", item, depth)
    else:
        for item in value:
            if isinstance(item, dict | list) and item:
                first, *rest = _lines(item, depth + 1)
                found += [f"{indent}- {first.lstrip(' ')}", *rest]
            else:
                found.append(f"{indent}- {_scalar(item, depth)}\n")
    return found


def _entry(head: str, item: Any, depth: int) -> list[str]:
    if isinstance(item, dict | list) and item:
        return [f"{head}\n", *_lines(item, depth + 1)]
    if isinstance(item, str) and "\n" in item and _may_be_block(item):
        indent = "  " * (depth + 1)
        chomp = "" if item.endswith("\n") and not item.endswith("\n\n") else "-" if item[-1] != "\n" else "+"
        lines = item.removesuffix("\n").split("\n")
        return [f"{head} |{chomp}\n", *(f"{indent}{line}\n" if line else "\n" for line in lines)]
    return [f"{head} {_scalar(item, depth)}\n"]


def _may_be_block(text: str) -> bool:
    return text[0] not in " \n" and all(letter == "\n" or letter.isprintable() for letter in text)


def _scalar(value: Any, depth: int) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return "{}" if isinstance(value, dict) else "[]"
    if not isinstance(value, str):
        return str(value)
    return _quoted(value) if _needs_quotes(value) else value


def _needs_quotes(text: str) -> bool:
    return (
        text.lower() in _WORDS
        or text[0] in _FIRST
        or text.startswith(_MARKS)
        or text in ("-", "?", ":", "...", "---")
        or text != text.strip()
        or ": " in text
        or " #" in text
        or text.endswith(":")
        or not text.isprintable()
        or any(form.match(text) for form in (_NUMBER, _DATE, _SEXAGESIMAL))
    )


def _quoted(text: str) -> str:
    from sampan.wire import json

    if text.isprintable() and ('"' in text or "\\" in text):
        return "'" + text.replace("'", "''") + "'"
    return json.dumps(text)
