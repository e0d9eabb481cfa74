"""`--format` of every listing, field by field, beside the stock client at the same socket: the same bytes."""

import json
from collections.abc import Iterator

import pytest

from harness.clients import Client, ours, stock
from harness.daemon import Daemon

Pair = tuple[Client, Client]
LISTINGS = [
    ["ps", "-a"],
    ["images"],
    ["images", "--digests", "--no-trunc"],
    ["volume", "ls"],
    ["network", "ls"],
    ["history", "busybox"],
    ["history", "--no-trunc", "--human=false", "busybox"],
    ["context", "ls"],
    ["stats", "-a", "--no-stream"],
]
FORMS = [
    *("", "table", "json", "{{json .}}", "raw"),
    *("{{.Nope}}", "table {{.Nope}}", "{{", "table {{", "{{.ID | nope}}"),
    *('{{.Label "a"}}', 'table {{.Label "c.d-e"}}', "{{.Labels}}", "table {{json .}}"),
    *("table {{upper .ID}}\\t{{.ID}}", "{{len .ID}}", '{{printf "%q" .ID}}', "{{println .Name}}"),
]
# What moves from one call to the next; and Current, whose header Docker forgot (`<no value>`).
MOVING = ("Current", "CPUPerc", "MemUsage", "MemPerc", "BlockIO", "NetIO", "RunningFor", "Status")


@pytest.fixture
def pair(daemon: Daemon, tmp_path: object) -> Iterator[Pair]:
    """Both clients, and something of every kind to list. -H, so that `context ls` has the same endpoint."""
    environment = {**daemon.environment(), "DOCKER_CONFIG": str(tmp_path), "TZ": "UTC"}
    environment.pop("DOCKER_HOST")
    clients = ours(environment), stock(environment)
    sampan = clients[0]
    host = ["-H", daemon.host]
    labels = ["--label", "a=b", "--label", "c.d-e=f"]
    sampan(*host, "volume", "create", "--label", "q=w", "kept")
    sampan(*host, "create", "--name", "one", *labels, "-v", "kept:/x", "busybox", "true")
    yield clients
    sampan(*host, "rm", "-f", "-v", "one")
    sampan(*host, "volume", "rm", "kept")


def still(text: str) -> str:
    """Without the values that move."""
    lines = []
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            lines.append(line)
            continue
        lines.append(
            json.dumps({k: v for k, v in row.items() if k not in MOVING}) if isinstance(row, dict) else line
        )
    return "\n".join(lines)


@pytest.mark.parametrize("listing", LISTINGS, ids=" ".join)
def test_every_field(pair: Pair, daemon: Daemon, listing: list[str]) -> None:
    sampan, docker = pair
    host = ["-H", daemon.host]

    def both(*arguments: str) -> tuple[tuple[int, str, str], tuple[int, str, str]]:
        one, other = (client(*host, *listing, *arguments, check=False) for client in (sampan, docker))
        return (one.code, still(one.out), one.err), (other.code, still(other.out), other.err)

    first = docker(*host, *listing, "--format", "json").out.splitlines()[0]
    fields = [name for name in json.loads(first) if name not in MOVING]
    assert fields
    columns = "\\t".join(f"{{{{.{name}}}}}" for name in fields)
    forms = [*FORMS, columns, f"table {columns}"]
    moving = [form for form in forms if listing[0] in ("ps", "stats") and form in ("", "table", "raw")]
    if listing[0] in ("ps", "images"):
        moving.append("table {{json .}}")
    differ = {}
    for form in forms:
        if form in moving:
            continue
        one, other = both("--format", form)
        if sorted(one[1].splitlines()) != sorted(other[1].splitlines()) or one[::2] != other[::2]:
            differ[form] = (one, other)
    assert differ == {}


INSPECTIONS = [
    ["inspect", "one"],
    ["container", "inspect", "one"],
    ["image", "inspect", "busybox"],
    ["volume", "inspect", "kept"],
    ["network", "inspect", "bridge"],
    ["context", "inspect"],
    ["version"],
    ["info"],
]


@pytest.mark.parametrize("words", INSPECTIONS, ids=" ".join)
def test_templates_of_one_thing(pair: Pair, daemon: Daemon, words: list[str]) -> None:
    """What fails, fails in the same words with the same code; ID and Name are there, or are not."""
    sampan, docker = pair
    host = ["-H", daemon.host]
    for form in ("{{", "{{.Nope}}", "{{json .Nope}}", "{{nope}}", "{{.ID}}", "{{.Name}}"):
        one, other = (client(*host, *words, "--format", form, check=False) for client in (sampan, docker))
        assert one == other, form


@pytest.mark.parametrize("form", ["{{", "{{.Nope}}", "{{json .Nope}}", "{{.ID.Nope}}"])
def test_templates_of_events(pair: Pair, daemon: Daemon, form: str) -> None:
    sampan, docker = pair
    words = ["-H", daemon.host, "events", "--since", "1m", "--until", "0s", "--format", form]
    one, other = (client(*words, check=False) for client in (sampan, docker))
    assert (one.code, one.out) == (other.code, other.out)
    assert one.err.partition(" executing")[0] == other.err.partition(" executing")[0]
    assert one.code == 64


def test_formats_of_the_configuration(pair: Pair, daemon: Daemon, tmp_path: object) -> None:
    keys = {
        "psFormat": "{{.Names}}!",
        "imagesFormat": "{{.Repository}}!",
        "volumesFormat": "{{.Name}}!",
        "networksFormat": "{{.Driver}}!",
        "statsFormat": "{{.Name}}!",
    }
    with open(f"{tmp_path}/config.json", "w") as file:
        json.dump(keys, file)
    for words in (
        ["ps", "-a"],
        ["images"],
        ["volume", "ls"],
        ["network", "ls"],
        ["stats", "-a", "--no-stream"],
    ):
        one, other = (client("-H", daemon.host, *words) for client in pair)
        assert one.out.splitlines()[0].endswith("!")
        assert sorted(one.out.splitlines()) == sorted(other.out.splitlines())


def test_proxies_are_given_to_containers(pair: Pair, daemon: Daemon, tmp_path: object) -> None:
    proxies = {"default": {"httpProxy": "http://proxy:3128", "noProxy": "local"}}
    with open(f"{tmp_path}/config.json", "w") as file:
        json.dump({"proxies": proxies}, file)
    for client in pair:
        shown = client(
            *("-H", daemon.host, "run", "--rm", "-e", "NO_PROXY=mine", "busybox"),
            "sh",
            "-c",
            "env | grep -i proxy",
        )
        assert sorted(shown.out.split()) == [
            "HTTP_PROXY=http://proxy:3128",
            "NO_PROXY=mine",
            "http_proxy=http://proxy:3128",
            "no_proxy=local",
        ]


def test_headers_of_the_configuration_are_sent(pair: Pair, tmp_path: object) -> None:
    """To a daemon that only listens."""
    import socket
    import subprocess

    with open(f"{tmp_path}/config.json", "w") as file:
        json.dump({"HttpHeaders": {"X-Meta": "who", "User-Agent": "x"}}, file)
    for client in pair:
        with socket.socket(socket.AF_UNIX) as listener:
            path = f"{tmp_path}/{client.name}.sock"
            listener.bind(path)
            listener.listen()
            command = [client.program, "-H", f"unix://{path}", "ps"]
            with subprocess.Popen(command, env=client.environment, stderr=subprocess.DEVNULL) as process:
                connection, _ = listener.accept()
                with connection:
                    head = connection.recv(65536).decode()
                process.kill()
        assert "\r\nX-Meta: who\r\n" in head
        assert "\r\nUser-Agent: x\r\n" not in head
