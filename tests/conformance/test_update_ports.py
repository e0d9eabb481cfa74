"""`update --publish-add` and `--publish-rm`, which Docker has not: now, for the next start, or not at all."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from harness.clients import Client
from harness.daemon import Daemon
from harness.looking import free_port, page
from harness.waiting import FACTOR, until

Run = Callable[..., str]
SERVES = "mkdir /w; printf %s $0 >/w/index.html; for p in 80 81; do httpd -h /w -p $p; done; sleep 1000"


def published(sampan: Client, name: str) -> list[str]:
    return sampan("port", name).out.splitlines()


def bindings(sampan: Client, name: str) -> Any:
    return json.loads(sampan("inspect", "-f", "{{json .HostConfig.PortBindings}}", name).out)


@contextmanager
def taken(port: int) -> Iterator[None]:
    """By somebody else on the machine."""
    with socket.socket() as holder:
        holder.bind(("", port))
        holder.listen()
        yield


@pytest.fixture
def web(sampan: Client) -> Iterator[tuple[str, int]]:
    """(name, port of the host) of a container that serves its name at 80 and 81, published from 80."""
    port = free_port()
    sampan("run", "-d", "--name", "web", "-p", f"{port}:80", "busybox", "sh", "-c", SERVES, "hello")
    until(lambda: page(port) == "hello")
    yield "web", port
    sampan("rm", "-f", "web")


def test_one_more_and_one_less(sampan: Client, web: tuple[str, int]) -> None:
    name, port = web
    other = free_port()
    assert sampan("update", "--publish-add", f"127.0.0.1:{other}:81", name).out == "web\n"
    assert until(lambda: page(other)) == "hello"
    assert published(sampan, name)[-1] == f"81/tcp -> 127.0.0.1:{other}"
    assert f"127.0.0.1:{other}->81/tcp" in sampan("ps", "--format", "{{.Ports}}").out
    assert bindings(sampan, name)["81/tcp"] == [{"HostIp": "127.0.0.1", "HostPort": str(other)}]
    sampan("update", "--publish-rm", "80", name)
    assert published(sampan, name) == [f"81/tcp -> 127.0.0.1:{other}"]
    assert (page(port), page(port, "::1"), page(other)) == ("", "", "hello")
    with taken(port):
        pass
    sampan("restart", "-t", "0", name)
    assert published(sampan, name) == [f"81/tcp -> 127.0.0.1:{other}"]
    assert until(lambda: page(other)) == "hello"


def test_another_address_and_another_target_of_the_same_port(sampan: Client, web: tuple[str, int]) -> None:
    name, port = web
    sampan("update", "--publish-rm", f"{port}:80", "--publish-add", f"127.0.0.1:{port}:81/tcp", name)
    assert published(sampan, name) == [f"81/tcp -> 127.0.0.1:{port}"]
    assert (page(port), page(port, "::1")) == ("hello", "")


def test_a_conflict_changes_nothing(sampan: Client, web: tuple[str, int]) -> None:
    name, port = web
    before = (published(sampan, name), bindings(sampan, name), sampan("inspect", name).out)
    other, third = free_port(), free_port()
    with taken(third):
        words = ("--publish-rm", "80", "--publish-add", f"{port}:81", "--publish-add", f"{other}:81")
        refused = sampan(
            "update", *words, "--pids-limit", "77", "--publish-add", f"{third}:81", name, check=False
        )
    assert refused.code == 1
    assert refused.err.startswith("Error response from daemon: Cannot update container ")
    assert "driver failed programming external connectivity on endpoint web (" in refused.err
    assert f"failed to bind host port for 0.0.0.0:{third}:" in refused.err
    assert (published(sampan, name), bindings(sampan, name), sampan("inspect", name).out) == before
    assert (page(port), page(port, "::1"), page(other)) == ("hello", "hello", "")
    with taken(other):
        pass
    with pytest.raises(OSError, match="Address already in use"), taken(port):
        pass


def test_another_containers_port(sampan: Client, web: tuple[str, int]) -> None:
    _, port = web
    sampan("run", "-d", "--name", "late", "busybox", "sleep", "1000")
    refused = sampan("update", "--publish-add", f"{port}:80", "late", check=False)
    assert f"Bind for 0.0.0.0:{port} failed: port is already allocated\n" in refused.err
    assert published(sampan, "late") == []
    refused = sampan("update", "--publish-rm", "80", "late", check=False)
    assert refused.err.endswith(": No public port '80/tcp' published for late\n")
    refused = sampan("update", "--publish-add", "x:80", "late", check=False)
    assert (refused.code, "invalid hostPort: x" in refused.err) == (1, True)
    sampan("rm", "-f", "late")


def test_of_a_stopped_one_for_its_next_start(sampan: Client) -> None:
    port = free_port()
    sampan("create", "--name", "web", "busybox", "sh", "-c", SERVES, "later")
    sampan("update", "--publish-add", f"{port}:80", "web")
    with taken(port):
        assert sampan("start", "web", check=False).code == 1
    sampan("start", "web")
    assert until(lambda: page(port)) == "later"
    sampan("rm", "-f", "web")


def test_connections_go_on_when_other_ports_change(sampan: Client, web: tuple[str, int]) -> None:
    """Over IPv6, so that they are relayed: the relay that has them lets go of the ports alone."""
    name, port = web
    with socket.create_connection(("::1", port), 10 * FACTOR) as asking:
        asking.sendall(b"GET / HTTP/1.0\r\n")
        other = free_port()
        sampan("update", "--publish-add", f"{other}:81", name)
        assert (page(port, "::1"), page(other, "::1")) == ("hello", "hello")
        sampan("update", "--publish-rm", "80", name)
        assert (page(port, "::1"), page(other, "::1")) == ("", "hello")
        asking.sendall(b"\r\n")
        assert b"hello" in asking.makefile("rb").read()


def test_it_is_told(sampan: Client, web: tuple[str, int]) -> None:
    since = f"{time.time():.6f}"
    sampan("update", "--publish-add", f"127.0.0.1:{free_port()}:81", web[0])
    words = ("--filter", "event=update", "--format", "{{.Action}} {{.Actor.Attributes.name}}")
    assert sampan("events", "--since", since, "--until", f"{time.time():.6f}", *words).out == "update web\n"


def test_without_the_daemon_and_after_it(daemon: Daemon, sampan: Client, web: tuple[str, int]) -> None:
    name, port = web
    other = free_port()
    sampan("update", "--publish-add", f"{other}:81", "--publish-rm", "80", name)
    shown = sampan("inspect", name).out
    daemon.kill()
    assert [page(other), page(other, "::1"), page(port)] == ["hello", "hello", ""]
    daemon.start()
    assert [page(other), page(other, "::1"), page(port)] == ["hello", "hello", ""]
    assert sampan("inspect", name).out == shown
    sampan("update", "--publish-add", f"{port}:80", name)
    assert (page(port), page(port, "::1")) == ("hello", "hello")


def test_a_host_mode_container_is_warned(sampan: Client) -> None:
    sampan("run", "-d", "--name", "host", "--network", "host", "busybox", "sleep", "1000")
    said = sampan("update", "--publish-add", "80", "host")
    assert said.out == "host\nPublished ports are discarded when using host network mode\n"
    sampan("run", "-d", "--name", "joined", "--network", "container:host", "busybox", "sleep", "1000")
    refused = sampan("update", "--publish-add", "80", "joined", check=False)
    assert "conflicting options: port publishing and the container type network mode" in refused.err
    sampan("rm", "-f", "host", "joined")
