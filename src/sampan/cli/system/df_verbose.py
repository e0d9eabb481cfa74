"""`sampan system df -v`: a table for each kind."""

from __future__ import annotations

from sampan.cli import console, format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Row = dict[str, Any]

_IMAGES = (
    "REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "SHARED SIZE", "UNIQUE SIZE", "CONTAINERS",
)  # fmt: skip
_CONTAINERS = ("CONTAINER ID", "IMAGE", "COMMAND", "LOCAL VOLUMES", "SIZE", "CREATED", "STATUS", "NAMES")
_VOLUMES = ("VOLUME NAME", "LINKS", "SIZE")
_CACHE = ("CACHE ID", "CACHE TYPE", "SIZE", "CREATED", "LAST USED", "USAGE", "SHARED")


def show(found: Row, form: str) -> None:
    if form == "json":
        from sampan.wire import json

        shown = {name: found.get(name) or [] for name in ("Images", "Containers", "Volumes", "BuildCache")}
        console.out(json.dumps(shown))
        return
    view = format.View()
    _table("Images space usage:", _IMAGES, [_image(one, view) for one in found.get("Images") or ()])
    console.out("")
    _table("Containers space usage:", _CONTAINERS, [_container(one) for one in found.get("Containers") or ()])
    console.out("")
    _table("Local Volumes space usage:", _VOLUMES, [_volume(one) for one in found.get("Volumes") or ()])
    console.out("")
    entries = found.get("BuildCache") or []
    size = sum(one["Size"] for one in entries if not one.get("Shared"))
    _table(f"Build cache usage: {format.size(size)}", _CACHE, [_cached(one, view) for one in entries])


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [list(header), *([format.plain(cell) for cell in row] for row in rows)]
    text = format.table(lines)
    console.tell(console.STDOUT, f"{title}\n\n{text}")


def _image(image: Row, view: format.View) -> list[str]:
    """By its first name, as in Docker."""
    shared = max(image["SharedSize"], 0)
    rest = [
        format.short_id(image["Id"]),
        f"{format.duration(view.now - image['Created'])} ago",
        format.size(image["Size"], 3),
        format.size(shared, 4),
        format.size(image["Size"] - shared, 4),
        str(image["Containers"]),
    ]
    repository, _, tag = (image.get("RepoTags") or ["<none>:<none>"])[0].rpartition(":")
    return [repository, tag, *rest]


def _container(one: Row) -> list[str]:
    from sampan.cli.container import ps

    view = format.View()
    local = sum(1 for mount in one.get("Mounts") or () if mount.get("Type") == "volume")
    values = [str(ps.FIELDS[name][1](one, view)) for name in ("ID", "Image", "Command")]
    names = [name.lstrip("/") for name in one.get("Names") or () if name.count("/") == 1]
    created = f"{format.duration(view.now - one['Created'])} ago"
    size = format.size(one.get("SizeRw") or 0, 3)
    return [*values, str(local), size, created, one["Status"], ",".join(names)]


def _volume(one: Row) -> list[str]:
    usage = one.get("UsageData") or {"RefCount": 0, "Size": 0}
    return [one["Name"], str(usage["RefCount"]), format.size(max(usage["Size"], 0))]


def _cached(one: Row, view: format.View) -> list[str]:
    return [
        format.short_id(one["ID"]),
        str(one.get("Type", "")),
        format.size(one["Size"]),
        str(one.get("CreatedAt", ""))[:19],
        str(one.get("LastUsedAt") or "")[:19],
        str(one.get("UsageCount", 0)),
        "true" if one.get("Shared") else "false",
    ]
