"""Archives for tests, honest and hostile: layers, docker-archives, OCI layouts. Nothing here touches the
disk."""

import gzip
import hashlib
import io
import json
import tarfile
from typing import Any, NamedTuple

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
INDEX = "application/vnd.oci.image.index.v1+json"


def entry(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", data: bytes = b"", **fields: Any
) -> bytes:
    """One member, header and data. `fields`: of TarInfo; `pax`: its extended header."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(data)
    info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    info.pax_headers = fields.pop("pax", {})
    for field, value in fields.items():
        setattr(info, field, value)
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape") + data + bytes(-len(data) % 512)


def file(name: str, data: bytes = b"new", **fields: Any) -> bytes:
    return entry(name, data=data, **fields)


def directory(name: str, **fields: Any) -> bytes:
    return entry(name, tarfile.DIRTYPE, **fields)


def symlink(name: str, target: str, **fields: Any) -> bytes:
    return entry(name, tarfile.SYMTYPE, target, **fields)


def hard_link(name: str, target: str, **fields: Any) -> bytes:
    return entry(name, tarfile.LNKTYPE, target, **fields)


def patched(member: bytes, offset: int, value: bytes) -> bytes:
    """A member with bytes of its header replaced and the checksum made right again."""
    header = bytearray(member[:512])
    header[offset : offset + len(value)] = value
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + member[512:]


def tarball(*members: bytes) -> bytes:
    return b"".join(members) + bytes(1024)


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Image(NamedTuple):
    """The documents and layers of one image, to be served or packed."""

    manifest: bytes
    config: bytes
    layers: list[bytes]  # as they are stored
    blobs: dict[str, bytes]


def image(*layers: bytes, packed: bool = True, diff_ids: list[str] | None = None, **config: Any) -> Image:
    """An image of these plain layers."""
    stored = [gzip.compress(layer, 1, mtime=0) if packed else layer for layer in layers]
    document = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["true"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids or [digest(layer) for layer in layers]},
        **config,
    }
    raw = json.dumps(document).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": digest(raw), "size": len(raw)},
        "layers": [
            {"mediaType": LAYER + ("+gzip" if packed else ""), "digest": digest(x), "size": len(x)}
            for x in stored
        ],
    }
    data = json.dumps(manifest).encode()
    return Image(data, raw, stored, {digest(x): x for x in (raw, *stored)})


def outer(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def docker_archive(built: Image, *tags: str) -> bytes:
    names = [f"{number}/layer.tar" for number in range(len(built.layers))]
    listed = [{"Config": "config.json", "RepoTags": list(tags), "Layers": names}]
    return outer(
        {
            **dict(zip(names, built.layers, strict=True)),
            "config.json": built.config,
            "manifest.json": json.dumps(listed).encode(),
        }
    )


def oci_layout(built: Image, name: str = "") -> bytes:
    notes = {"io.containerd.image.name": name} if name else {}
    descriptor = {"mediaType": MANIFEST, "digest": digest(built.manifest), "size": len(built.manifest)}
    index = {"schemaVersion": 2, "manifests": [descriptor | {"annotations": notes}]}
    return outer(
        {
            "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
            "index.json": json.dumps(index).encode(),
            f"blobs/sha256/{digest(built.manifest)[7:]}": built.manifest,
            **{f"blobs/sha256/{name[7:]}": data for name, data in built.blobs.items()},
        }
    )
