"""POST /containers/ID/exec, POST /exec/ID/start, GET /exec/ID/json."""

from __future__ import annotations

from sampan.client.connection import Client, Exchange, name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def create(client: Client, container: str, config: dict[str, Any]) -> str:
    """Prepare a command in a running container (API `ExecConfig`): the exec's ID."""
    return str(client.call("POST", f"/containers/{name('container', container)}/exec", config)["Id"])


def start(client: Client, exec_id: str, *, tty: bool = False) -> None:
    """Run it and leave it alone."""
    client.call("POST", f"/exec/{name('exec', exec_id)}/start", {"Detach": True, "Tty": tty})


def attach(
    client: Client, exec_id: str, *, tty: bool = False, size: tuple[int, int] | None = None
) -> Exchange:
    """Run it with its streams on this connection (`Exchange.hijack`); `size` is (height, width)."""
    config: dict[str, Any] = {"Detach": False, "Tty": tty}
    if size is not None:
        config["ConsoleSize"] = list(size)
    return client.upgrade(f"/exec/{name('exec', exec_id)}/start", config)


def inspect(client: Client, exec_id: str) -> dict[str, Any]:
    """Its state: `Running`, `ExitCode` …"""
    answer: dict[str, Any] = client.call("GET", f"/exec/{name('exec', exec_id)}/json")
    return answer
