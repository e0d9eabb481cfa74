"""A registry of one's own making, whose every answer a test can spoil.

with FakeRegistry() as registry:
    registry.add("library/x", "latest", tars.image(...))
    registry.spoil = lambda request: True     # the test's own answer; False: serve as usual

What is pushed to it is in `content` afterwards.
"""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import tars


class Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        registry = self.server.registry
        registry.requests.append((self.path, dict(self.headers.items())))
        self.body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        try:
            if not registry.spoil(self):
                self.as_usual()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_HEAD = do_POST = do_PATCH = do_PUT = do_GET

    def as_usual(self) -> None:
        registry = self.server.registry
        if "/blobs/uploads/" in self.path:
            self.upload(registry)
        elif self.command == "PUT":
            repository, _, tag = self.path.removeprefix("/v2/").partition("/manifests/")
            registry.put_manifest(repository, tag, self.body, self.headers["Content-Type"])
            self.send(201, b"", {})
        else:
            self.serve(registry.answer(self.path))

    def upload(self, registry: "FakeRegistry") -> None:
        """POST begins one, PATCH adds to it, GET tells how far it is, PUT ends it."""
        repository, _, rest = self.path.removeprefix("/v2/").partition("/blobs/uploads/")
        identity, _, query = rest.partition("?")
        if self.command == "POST":
            identity = f"u{len(registry.uploads)}"
            registry.uploads[identity] = bytearray()
            self.stands_at(202, repository, identity)
        elif identity not in registry.uploads:
            self.refuse(404, "BLOB_UPLOAD_UNKNOWN")
        elif self.command == "PUT":
            digest = unquote(query.partition("digest=")[2])
            data = bytes(registry.uploads.pop(identity)) + self.body
            if tars.digest(data) != digest:
                self.refuse(400, "DIGEST_INVALID")
                return
            registry.content[f"/v2/{repository}/blobs/{digest}"] = ("application/octet-stream", data)
            self.send(201, b"", {})
        else:
            self.take(registry.uploads[identity], repository, identity)

    def take(self, upload: bytearray, repository: str, identity: str) -> None:
        start = self.headers.get("Content-Range", "").partition("-")[0]
        if self.command == "PATCH" and int(start or 0) != len(upload):
            self.refuse(416, "BLOB_UPLOAD_INVALID")
            return
        upload += self.body
        self.stands_at(202 if self.command == "PATCH" else 204, repository, identity)

    def stands_at(self, status: int, repository: str, identity: str) -> None:
        place = f"/v2/{repository}/blobs/uploads/{identity}"
        last = max(len(self.server.registry.uploads[identity]) - 1, 0)
        self.send(status, b"", {"Location": place, "Range": f"0-{last}"})

    def serve(self, found: tuple[str, bytes] | None) -> None:
        """A plain answer, with Range as in RFC 9110."""
        if found is None:
            self.refuse(404, "MANIFEST_UNKNOWN" if "/manifests/" in self.path else "BLOB_UNKNOWN")
            return
        kind, body = found
        start = self.range_start()
        if start:
            self.send(
                206, body[start:], {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}, kind
            )
        else:
            self.send(200, body, {}, kind)

    def range_start(self) -> int:
        given = self.headers.get("Range", "")
        return int(given.removeprefix("bytes=").partition("-")[0]) if given else 0

    def send(self, status: int, body: bytes, headers: dict[str, str], kind: str = "text/html") -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": kind, "Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(
        self, status: int, code: str, headers: dict[str, str] | None = None, message: str = ""
    ) -> None:
        text = message or code.lower().replace("_", " ")
        body = b'{"errors":[{"code":"%s","message":"%s"}]}' % (code.encode(), text.encode())
        self.send(status, body, headers or {}, "application/json")

    def cut(self, body: bytes, after: int) -> None:
        """Promise all of `body`, send `after` bytes of what was asked for, and hang up."""
        start = self.range_start()
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start : start + after])
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    registry: "FakeRegistry"


def _as_usual(_: Request) -> bool:
    return False


class FakeRegistry:
    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.spoil: Callable[[Request], bool] = _as_usual
        self.content: dict[str, tuple[str, bytes]] = {}
        self.uploads: dict[str, bytearray] = {}
        self._server = _Server(("127.0.0.1", 0), Request)
        self._server.registry = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> "FakeRegistry":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def add(self, path: str, tag: str, built: "tars.Image") -> None:
        self.put_manifest(path, tag, built.manifest, tars.MANIFEST)
        for digest, data in built.blobs.items():
            self.content[f"/v2/{path}/blobs/{digest}"] = ("application/octet-stream", data)

    def put_manifest(self, path: str, tag: str, data: bytes, kind: str) -> None:
        for name in (tag, tars.digest(data)):
            self.content[f"/v2/{path}/manifests/{name}"] = (kind, data)

    def answer(self, path: str) -> tuple[str, bytes] | None:
        return ("application/json", b"{}") if path == "/v2/" else self.content.get(path)
