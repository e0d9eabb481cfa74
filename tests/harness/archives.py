"""PUT, GET and HEAD of /containers/NAME/archive, as no client sends them."""

import socket
from urllib.parse import quote

from harness.waiting import FACTOR


def request(host: str, method: str, name: str, path: str, body: bytes = b"") -> bytes:
    """The whole answer."""
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(60 * FACTOR)
        stream.connect(host.removeprefix("unix://"))
        target = f"/containers/{name}/archive?path={quote(path)}"
        head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}"
        stream.sendall(head.encode() + b"\r\nContent-Type: application/x-tar\r\n\r\n" + body)
        parts = []
        while piece := stream.recv(1 << 16):
            parts.append(piece)
    return b"".join(parts)


def put(host: str, name: str, path: str, archive: bytes) -> int:
    """The status."""
    return int(request(host, "PUT", name, path, archive).split(None, 2)[1])
