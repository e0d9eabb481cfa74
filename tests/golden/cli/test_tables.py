"""Answers of the API in, tables out."""

import time
from typing import Any

import pytest

from sampan.cli import console, format
from sampan.cli.container import ps
from sampan.cli.image import history, images
from sampan.cli.network import ls as network_ls
from sampan.cli.system import events
from sampan.cli.volume import ls as volume_ls

NOW = 1_800_000_000


@pytest.fixture(autouse=True)
def fixed_zone(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    pieces: list[str] = []
    monkeypatch.setattr(console, "write", lambda stream, data: pieces.append(data.decode()))
    return pieces


def view(*, trunc: bool = True) -> format.View:
    made = format.View(trunc=trunc)
    made.now = NOW
    return made


def container(**fields: Any) -> dict[str, Any]:
    return {
        "Id": "0123456789abcdef" * 4,
        "Names": ["/web"],
        "Image": "nginx",
        "ImageID": "sha256:" + "f" * 64,
        "Command": "/docker-entrypoint.sh nginx -g 'daemon off;'",
        "Created": NOW - 300,
        "Ports": [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 80, "Type": "tcp"}],
        "Labels": {"com.example.role": "front", "a": "b"},
        "State": "running",
        "Status": "Up 5 minutes",
        "Mounts": [{"Type": "volume", "Name": "data", "Source": "/v", "Driver": "local"}],
        "NetworkSettings": {"Networks": {"bridge": {}}},
        "SizeRw": 12288,
        "SizeRootFs": 187_654_321,
    } | fields


CONTAINERS = [
    container(),
    container(
        Id="f" * 64,
        Names=["/web/alias", "/db"],
        Image="sha256:" + "f" * 64,
        Command="sh",
        Ports=[],
        Status="Exited (0) 2 weeks ago",
        Created=NOW - 1_300_000,
    ),
    container(
        Id="e" * 64, Names=["/odd"], Image="nginx:1@sha256:" + "0" * 64, Command='\x1b[2J "x"', Ports=None
    ),
]
PS = """\
CONTAINER ID   IMAGE          COMMAND                  CREATED         STATUS                   PORTS                NAMES
0123456789ab   nginx          "/docker-entrypoint.…"   5 minutes ago   Up 5 minutes             0.0.0.0:80->80/tcp   web
ffffffffffff   ffffffffffff   "sh"                     2 weeks ago     Exited (0) 2 weeks ago                        db
eeeeeeeeeeee   nginx:1        "\\x1b[2J \\"x\\""          5 minutes ago   Up 5 minutes                                  odd
"""  # noqa: E501


def listing(columns: Any = ps.COLUMNS) -> format.Listing:
    return format.Listing(ps.ROW, ps.FIELDS, columns, raw=ps.RAW)


def test_ps(printed: list[str]) -> None:
    listing().show(CONTAINERS, "", view())
    assert "".join(printed) == PS


def test_an_empty_table_has_its_headers(printed: list[str]) -> None:
    listing().show([], "", view())
    assert printed == ["CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES\n"]


def test_quiet(printed: list[str]) -> None:
    listing().show(CONTAINERS, "", view(), quiet=True)
    assert printed == ["0123456789ab\nffffffffffff\neeeeeeeeeeee\n"]


def test_whole(printed: list[str]) -> None:
    listing((*ps.COLUMNS, "Size")).show(CONTAINERS[:1], "", view(trunc=False))
    assert "/docker-entrypoint.sh nginx -g 'daemon off;'" in printed[0]
    assert "0123456789abcdef" * 4 in printed[0]
    assert printed[0].endswith("12.3kB (virtual 188MB)\n")


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("{{.Names}}", "web\n"),
        ("{{.ID}}\\t{{.Image}}", "0123456789ab\tnginx\n"),
        ('{{.Label "com.example.role"}} {{.Label "none"}}|', "front |\n"),
        ("{{.Labels}}", "com.example.role=front,a=b\n"),
        ("{{upper .State}} {{.RunningFor}}", "RUNNING 5 minutes ago\n"),
        ("{{.Mounts}} {{.LocalVolumes}} {{.Networks}}", "data 1 bridge\n"),
        ("{{.CreatedAt}}", "2027-01-15 07:55:00 +0000 UTC\n"),
        ('table {{.Names}}\\t{{.Label "com.example.role"}}', "NAMES     role\nweb       front\n"),
        ("table {{.Names}} {{upper .Status}}", "NAMES STATUS\nweb UP 5 MINUTES\n"),
        ("{{range $i := 2}}{{$i}}{{end}}", "01\n"),
    ],
)
def test_ps_format(printed: list[str], form: str, text: str) -> None:
    listing().show(CONTAINERS[:1], form, view())
    assert "".join(printed) == text


def test_ps_raw(printed: list[str]) -> None:
    listing().show(CONTAINERS[1:2], "raw", view())
    assert "".join(printed) == (
        'container_id: ffffffffffff\nimage: ffffffffffff\ncommand: "sh"\n'
        "created_at: 2026-12-31 06:53:20 +0000 UTC\nstate: running\nstatus: Exited (0) 2 weeks ago\n"
        "names: db\nlabels: com.example.role=front,a=b\nports:\n\n"
    )


IMAGE = {
    "Id": "sha256:" + "a" * 64,
    "RepoTags": ["nginx:latest", "nginx:1"],
    "RepoDigests": ["nginx@sha256:" + "b" * 64],
    "Created": NOW - 86400 * 3,
    "Size": 187_654_321,
    "SharedSize": -1,
    "Containers": -1,
}
DANGLING = IMAGE | {"RepoTags": ["<none>:<none>"], "RepoDigests": ["<none>@<none>"], "Size": 999}


def test_images(printed: list[str]) -> None:
    rows = [row for image in (IMAGE, DANGLING) for row in images._rows(image, digests=False)]
    format.Listing("x", images.FIELDS, images.COLUMNS).show(rows, "", view())
    assert "".join(printed) == (
        "REPOSITORY   TAG       IMAGE ID       CREATED      SIZE\n"
        "nginx        latest    aaaaaaaaaaaa   3 days ago   188MB\n"
        "nginx        1         aaaaaaaaaaaa   3 days ago   188MB\n"
        "<none>       <none>    aaaaaaaaaaaa   3 days ago   999B\n"
    )


def test_images_with_digests() -> None:
    digests = [row["Digest"] for row in images._rows(IMAGE, digests=True)]
    assert digests == ["sha256:" + "b" * 64] * 2
    pulled_by_digest = IMAGE | {"RepoTags": []}
    [row] = images._rows(pulled_by_digest, digests=True)
    assert (row["Repository"], row["Tag"], row["Digest"]) == ("nginx", "<none>", "sha256:" + "b" * 64)


def test_history(printed: list[str]) -> None:
    rows = [
        {
            "Id": "sha256:" + "c" * 64,
            "Created": NOW - 60,
            "CreatedBy": "RUN\tx" * 20,
            "Size": 0,
            "Comment": "c",
        },
        {"Id": "<missing>", "Created": -62135596800, "CreatedBy": "", "Size": 1000, "Comment": ""},
    ]
    format.Listing("x", history.FIELDS, history.COLUMNS).show(rows, "", view())
    assert "".join(printed) == (
        "IMAGE          CREATED              CREATED BY                                      SIZE      COMMENT\n"  # noqa: E501
        "cccccccccccc   About a minute ago   RUN xRUN xRUN xRUN xRUN xRUN xRUN xRUN xRUN …   0B        c\n"
        "<missing>      N/A                                                                  1kB       \n"
    )


def test_volumes_and_networks(printed: list[str]) -> None:
    volume = {"Name": "data", "Driver": "local", "Scope": "local", "Mountpoint": "/v", "Labels": None}
    format.Listing("x", volume_ls.FIELDS, volume_ls.COLUMNS, key="Name").show([volume], "", view())
    network = {"Id": "d" * 64, "Name": "bridge", "Driver": "bridge", "Scope": "local", "Labels": {}}
    format.Listing("x", network_ls.FIELDS, network_ls.COLUMNS).show([network], "", view())
    assert "".join(printed) == (
        "DRIVER    VOLUME NAME\nlocal     data\n"
        "NETWORK ID     NAME      DRIVER    SCOPE\ndddddddddddd   bridge    bridge    local\n"
    )


def test_event() -> None:
    event = {
        "Type": "container",
        "Action": "die",
        "Actor": {"ID": "abc", "Attributes": {"name": "web", "exitCode": "0"}},
        "time": NOW,
        "timeNano": NOW * 10**9 + 5,
    }
    assert events.line(event) == "2027-01-15T08:00:00.000000005Z container die abc (exitCode=0, name=web)"
    assert events.line({"Type": "daemon", "Action": "reload", "time": NOW}) == (
        "2027-01-15T08:00:00.000000000Z daemon reload "
    )
