"""A hundred containers, sixteen starting at a time, all serving; and nothing is left of them."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.clients import Client
from harness.waiting import FACTOR, until

COUNT, AT_ONCE = 100, 16


@pytest.mark.timeout(300 * FACTOR)
def test_a_hundred_serve_and_go(sampan: Client) -> None:
    names = [f"h{number}" for number in range(COUNT)]

    def run(name: str) -> None:
        page = f"echo page of {name} >/index.html; exec httpd -f -p 80 -h /"
        sampan("run", "-d", "-p", "80", "--name", name, "busybox", "sh", "-c", page)

    def fetch(item: tuple[str, str]) -> str:
        name, port = item
        return until(lambda: _get(int(port)), what=f"the page of {name}")

    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(run, names))
            assert sorted(sampan("ps", "--format", "{{.Names}}").out.split()) == sorted(names)
            shown = json.loads(sampan("inspect", *names).out)
            ports = [
                (one["Name"][1:], one["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"]) for one in shown
            ]
            addresses = {one["NetworkSettings"]["Networks"]["bridge"]["IPAddress"] for one in shown}
            assert len({port for _, port in ports}) == len(addresses) == COUNT
            assert list(pool.map(fetch, ports)) == [f"page of {name}\n" for name, _ in ports]
    finally:
        sampan("rm", "-f", *names, check=False, timeout=120)
    assert sampan("ps", "-aq").out == ""


def _get(port: int) -> str:
    import urllib.request

    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""
