"""The daemon is killed in the middle of `update --publish-add … --publish-rm …`: all or nothing, for the
record, the firewall and who holds the port."""

import json
import os
import random
import socket
import threading

import pytest

from harness.clients import Client
from harness.daemon import Daemon
from harness.looking import free_port, page
from harness.waiting import FACTOR, until

KILLS = int(os.environ.get("SAMPAN_PORT_KILLS", "3"))
SERVES = "mkdir /w; printf served >/w/index.html; httpd -h /w -p 80; sleep 100000"


def held(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return True
        return False


@pytest.mark.timeout(60 + 30 * KILLS * FACTOR)
def test_all_or_nothing(own: Daemon, boat: Client) -> None:
    now, other = free_port(), free_port()
    chance = random.Random(os.environ.get("SAMPAN_SEED", "20261124"))
    boat("run", "-d", "--name", "web", "-p", f"{now}:80", "busybox", "sh", "-c", SERVES)
    until(lambda: page(now, "127.0.0.1") == "served")
    for _ in range(KILLS):
        update = boat.start("update", "--publish-rm", f"{now}:80", "--publish-add", f"{other}:80", "web")
        timer = threading.Timer(chance.uniform(0.02, 0.25), own.kill)
        timer.start()
        update.communicate(timeout=60 * FACTOR)
        timer.join()
        own.start()
        shown = boat("port", "web").out.splitlines()
        port = int(shown[0].rpartition(":")[2])
        if port == other:
            now, other = other, now
        assert (port, update.returncode == 0 and port == other) == (now, False), "what was promised is so"
        assert shown == [f"80/tcp -> 0.0.0.0:{now}", f"80/tcp -> [::]:{now}"]
        bindings = json.loads(boat("inspect", "-f", "{{json .HostConfig.PortBindings}}", "web").out)
        assert bindings == {"80/tcp": [{"HostIp": "", "HostPort": str(now)}]}
        assert [page(now, address) for address in ("127.0.0.1", "::1")] == ["served", "served"]
        assert [page(other, address) for address in ("127.0.0.1", "::1")] == ["", ""]
        assert (held(now), held(other)) == (True, False)
    boat("rm", "-f", "web")
