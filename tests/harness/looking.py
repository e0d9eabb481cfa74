"""What tests look at from outside: an inspected container, a page, a port that is free."""

import json
import os
import socket
import urllib.request
from typing import Any

from harness.clients import Client
from harness.waiting import FACTOR, until

# A server, at port 8000, that answers each request with the address it comes from.
TELL = """
import http.server
class Tell(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.client_address[0].encode())
    def log_message(self, *_):
        pass
http.server.HTTPServer(("0.0.0.0", 8000), Tell).serve_forever()
"""


def fresh(prefix: str = "t") -> str:
    """A name that nothing has."""
    return f"{prefix}{os.urandom(4).hex()}"


def inspect(cli: Client, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cli("inspect", name).out)[0]
    return found


def state(cli: Client, name: str) -> dict[str, Any]:
    found: dict[str, Any] = inspect(cli, name)["State"]
    return found


def address(cli: Client, name: str) -> str:
    (endpoint,) = inspect(cli, name)["NetworkSettings"]["Networks"].values()
    return str(endpoint["IPAddress"])


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def page(port: int, host: str = "127.0.0.1") -> str:
    """What a web server there says; nothing, if nobody answers."""
    place = f"[{host}]" if ":" in host and host[0] != "[" else host
    try:
        with urllib.request.urlopen(f"http://{place}:{port}/", timeout=5 * FACTOR) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def serves(port: int, host: str = "127.0.0.1") -> str:
    """The page, once the server is up."""
    return until(lambda: page(port, host), what=f"a page on {host}:{port}")
