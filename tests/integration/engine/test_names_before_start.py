"""Containers of a project have names and addresses before their start (ADR 14)."""

import os
from collections.abc import Callable, Iterator

import pytest

from harness.clients import Client
from harness.daemon import Daemon
from harness.looking import inspect

PART = ("--label", "com.docker.compose.project=p")
Create = Callable[..., str]


@pytest.fixture
def net(sampan: Client) -> Iterator[str]:
    name = f"n{os.urandom(4).hex()}"
    sampan("network", "create", "--subnet", "10.231.7.0/24", name)
    yield name
    if on_it := sampan("ps", "-aq", "--filter", f"network={name}").out.split():
        sampan("rm", "-f", *on_it)
    sampan("network", "rm", name)


@pytest.fixture
def create(sampan: Client, net: str) -> Create:
    """`create("web", *flags)`: a container that can be started, called `web` on the network: its name."""

    def one(alias: str, *flags: str, part: bool = True) -> str:
        name = f"t{os.urandom(4).hex()}"
        labels = PART if part else ()
        place = ("--network", net, "--network-alias", alias)
        sampan("create", "--name", name, *labels, *place, *flags, "busybox", "sleep", "300")
        return name

    return one


@pytest.fixture
def ask(sampan: Client, net: str) -> Callable[[str], set[str]]:
    """The addresses behind a name, as a container on the network hears them."""
    asking = f"t{os.urandom(4).hex()}"
    sampan("run", "-d", "--name", asking, "--network", net, "--ip", "10.231.7.9", "debian", "sleep", "300")

    def of(name: str) -> set[str]:
        lines = sampan("exec", asking, "getent", "ahostsv4", name, check=False).out.splitlines()
        return {line.split()[0] for line in lines}

    return of


def address(sampan: Client, net: str, container: str) -> str:
    return str(inspect(sampan, container)["NetworkSettings"]["Networks"][net]["IPAddress"])


def test_the_address_is_the_one_that_it_gets(
    sampan: Client, net: str, create: Create, ask: Callable[[str], set[str]]
) -> None:
    web, db = create("web"), create("db")
    before = {name: ask(name) for name in ("web", "db", web, db)}
    assert [len(found) for found in before.values()] == [1] * 4
    assert address(sampan, net, web) == "", "it is nobody's yet"
    sampan("start", db, web)
    assert {address(sampan, net, web)} == before["web"] == before[web] == ask("web")
    assert {address(sampan, net, db)} == before["db"] == before[db] == ask("db")
    sampan("stop", "-t", "0", web)
    assert ask("web") == set()


def test_those_of_no_project_have_none(create: Create, ask: Callable[[str], set[str]]) -> None:
    create("alone", part=False)
    assert ask("alone") == set()


def test_who_runs_comes_first(
    sampan: Client, net: str, create: Create, ask: Callable[[str], set[str]]
) -> None:
    first = create("web")
    sampan("start", first)
    second = create("web")
    assert ask("web") == {address(sampan, net, first)}
    assert len(ask(second)) == 1
    sampan("start", second)
    assert ask("web") == {address(sampan, net, one) for one in (first, second)}


def test_a_successor_has_the_address_of_whom_it_replaces(sampan: Client, net: str, create: Create) -> None:
    old = create("web")
    sampan("start", old)
    there = address(sampan, net, old)
    other = create("other")
    new = create("web", "--label", f"com.docker.compose.replace={old}")
    sampan("rm", "-f", old)
    sampan("start", other)
    sampan("start", new)
    assert address(sampan, net, new) == there


def test_who_asks_for_an_address_gets_it(
    sampan: Client, net: str, create: Create, ask: Callable[[str], set[str]]
) -> None:
    soft = create("soft")
    (there,) = ask("soft")
    hard = create("hard", "--ip", there, part=False)
    sampan("start", hard)
    assert address(sampan, net, hard) == there
    assert ask("soft") != {there}
    sampan("start", soft)
    assert ask("soft") == {address(sampan, net, soft)}


def test_it_goes_with_its_container_and_with_its_place(
    sampan: Client, net: str, create: Create, ask: Callable[[str], set[str]]
) -> None:
    gone, left, broken = create("gone"), create("left"), create("broken", "--entrypoint", "/none")
    assert all(ask(name) for name in ("gone", "left", "broken"))
    sampan("rm", gone)
    sampan("network", "disconnect", net, left)
    assert "no such file" in sampan("start", broken, check=False).err
    assert [ask(name) for name in ("gone", "left", "broken")] == [set()] * 3
    sampan("network", "connect", "--alias", "back", net, left)
    assert len(ask("back")) == 1
    sampan("rm", left, broken)


def test_a_network_with_nobody_running_can_be_removed(sampan: Client) -> None:
    name = f"n{os.urandom(4).hex()}"
    sampan("network", "create", name)
    made = sampan("create", *PART, "--network", name, "busybox", "true").out.strip()
    sampan("network", "rm", name)
    assert "not found" in sampan("start", made, check=False).err
    sampan("rm", made)


def test_a_new_daemon_keeps_what_was_told(
    daemon: Daemon, sampan: Client, create: Create, ask: Callable[[str], set[str]]
) -> None:
    create("first")
    web = create("web")
    before = ask("web")
    assert len(before) == 1
    sampan("rm", create("gap"))
    daemon.kill()
    daemon.start()
    assert ask("web") == before
    sampan("start", web)
    assert ask("web") == before


def test_a_project_comes_up_again(
    sampan: Client, net: str, create: Create, ask: Callable[[str], set[str]]
) -> None:
    web, db = create("web"), create("db")
    sampan("start", web, db)
    sampan("stop", "-t", "0", web, db)
    assert ask("db") == set()
    sampan("start", web)
    before = ask("db")
    assert len(before) == 1
    sampan("start", db)
    assert {address(sampan, net, db)} == before == ask("db")
    sampan("stop", "-t", "0", db)
    sampan("restart", "-t", "0", web)
    assert ask("db") == set(), "the rest of it ran"


def test_a_restart_keeps_name_and_address(
    sampan: Client, net: str, create: Create, ask: Callable[[str], set[str]]
) -> None:
    first, web = create("first"), create("web", part=False)
    sampan("start", first, web)
    before = ask("web")
    sampan("rm", "-f", first)
    sampan("restart", "-t", "0", web)
    assert ask("web") == before == {address(sampan, net, web)}
