"""`docker volume`; `-v`, `--mount`, `--volumes-from`: what they take, and what they refuse."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.clients import Client
from harness.looking import fresh

Run = Callable[..., str]


@pytest.fixture
def volume(cli: Client) -> Iterator[str]:
    name = fresh("v")
    yield name
    cli("volume", "rm", "-f", name, check=False)


_REFUSED: list[tuple[list[str], str]] = [
    (["-v", "/a:/b:zz"], "invalid mode: zz"),
    (["-v", "/a:/b:cached,consistent"], "invalid mode: cached,consistent"),
    (["-v", "/a:/b:rprivate,rslave"], "invalid mode: rprivate,rslave"),
    (
        ["-v", "/:/"],
        "invalid mount config for type \"bind\": invalid specification: destination can't be '/'",
    ),
    (["-v", "vol:/b:rshared"], 'type "volume": field BindOptions must not be specified'),
    (["-v", "/a:/b:nocopy"], 'type "bind": field VolumeOptions must not be specified'),
    (["-v", "rel/x:/b"], 'create rel/x: "rel/x" includes invalid characters for a local volume name'),
    (["-v", "/a:/b", "--tmpfs", "/b"], "Duplicate mount point: /b"),
    (["--mount", "type=bind,src=/tmp,dst=/"], "invalid specification: destination can't be '/'"),
    (
        ["--mount", "type=volume,src=v,dst=/b"],
        "create v: volume name is too short, names should be at least",
    ),
    (["--mount", "type=bind,src=/no/where,dst=/b"], "bind source path does not exist: /no/where"),
    (["--mount", "type=foo,src=/tmp,dst=/b"], 'invalid mount config for type "foo": mount type unknown'),
    (["--mount", "type=tmpfs,dst=/b,src=x"], "field Source must not be specified"),
    (
        ["--mount", "type=volume,dst=/b,readonly"],
        "must not set ReadOnly mode when using anonymous volumes",
    ),
    (["--mount", "type=volume,src=vol,dst=/b,volume-opt=foo=1"], 'create vol: invalid option: "foo"'),
    (["--tmpfs", "/b:foo=1"], 'invalid tmpfs option ["foo" "1"]'),
    (["--tmpfs", "/b:foo"], 'invalid tmpfs option ["foo"]'),
    (["--tmpfs", "rel"], "invalid mount path: 'rel' mount path must be absolute"),
    (["--tmpfs", "/"], "invalid specification: destination can't be '/'"),
    (["--volumes-from", "nope"], "No such container: nope"),
    (["--volumes-from", "nope:zz"], "invalid mode: zz"),
    (["--volumes-from", ":"], 'invalid name or ID supplied: ""'),
]


def test_what_is_refused(cli: Client) -> None:
    for flags, message in _REFUSED:
        refused = cli("run", "--rm", *flags, "busybox", "true", check=False)
        assert (refused.code, message in refused.err) == (125, True), (flags, refused)


@pytest.mark.parametrize("word", ["cached", "delegated", "consistent", "z", "ro,cached,z"])
def test_words_that_mean_nothing_here(cli: Client, tmp_path: Path, word: str) -> None:
    (tmp_path / "x").touch()
    assert cli("run", "--rm", "-v", f"{tmp_path}:/b:{word}", "busybox", "ls", "/b").out == "x\n"


def test_create_inspect_and_list(cli: Client, volume: str) -> None:
    options = ("-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m,uid=5")
    assert cli("volume", "create", *options, "--label", "a=b", "--label", "c", volume).out == f"{volume}\n"
    assert cli("volume", "create", "--label", "a=other", volume).out == f"{volume}\n"
    shown = cli(
        "volume", "inspect", "-f", "{{json .Labels}} {{json .Options}} {{.Driver}} {{.Scope}}", volume
    ).out
    assert shown == '{"a":"b","c":""} {"device":"tmpfs","o":"size=1m,uid=5","type":"tmpfs"} local local\n'
    look = "stat -c '%u %a' /m; df -k /m | awk 'NR==2{print $2}'"
    assert cli("run", "--rm", "-v", f"{volume}:/m", "busybox", "sh", "-c", look).out == "5 1777\n1024\n"


_FILTERS: list[tuple[list[str], bool]] = [
    (["name={}"], True), (["name=^{}$"], True), (["name=^{}x$"], False), (["label=a=b"], True),
    (["label=a"], True), (["label=a=c"], False), (["label=a", "label=nope"], False),
    (["driver=local"], True), (["driver=nope"], False), (["driver=nope", "driver=local"], True),
    (["dangling=true"], True), (["dangling=0"], False), (["dangling=false"], False),
]  # fmt: skip


def test_filters(cli: Client, volume: str) -> None:
    cli("volume", "create", "--label", "a=b", volume)
    for filters, found in _FILTERS:
        words = [word for one in filters for word in ("-f", one.format(volume))]
        listed = cli("volume", "ls", "-q", *words).out.split()
        assert (volume in listed) is found, filters


_WRONG: list[tuple[list[str], str]] = [
    (["ls", "-f", "dangling=foo"], "nvalid filter 'dangling=[foo]'"),
    (["ls", "-f", "foo=bar"], "nvalid filter 'foo'"),
    (["prune", "-f", "--filter", "foo=1"], "nvalid filter 'foo'"),
    (
        ["create", "vol", "-d", "nope"],
        'create vol: error looking up volume plugin nope: plugin "nope" not found',
    ),
    (
        ["create", "v"],
        "create v: volume name is too short, names should be at least two alphanumeric characters",
    ),
    (["create", ".x"], 'create .x: ".x" includes invalid characters for a local volume name'),
    (["create", "-o", "o=bind", "vol"], 'create vol: missing required option: "device"'),
    (["create", "-o", "type=nfs", "vol"], 'create vol: missing required option: "device"'),
    (["create", "-o", "foo=1", "vol"], 'create vol: invalid option: "foo"'),
    (["inspect", "nope"], "get nope: no such volume"),
    (["rm", "nope"], "get nope: no such volume"),
]


def test_verbs_that_are_refused(cli: Client) -> None:
    for arguments, message in _WRONG:
        refused = cli("volume", *arguments, check=False)
        assert (refused.code, message in refused.err) == (1, True), (arguments, refused)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["type=nfs", "device=:/x", "o=addr=127.0.0.1"], "mount :/x:{}, data: addr=127.0.0.1: "),
        (["type=cifs", "device=//x/y", "o=username=u,password=p"], "data: username=u,password=********: "),
        (
            ["type=none", "device=/no/where", "o=bind"],
            "mount /no/where:{}, flags: 0x1000: no such file or directory",
        ),
        (["type=nofs", "device=x"], "mount x:{}: no such device"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_device_that_cannot_be_mounted(cli: Client, volume: str, options: list[str], message: str) -> None:
    cli("volume", "create", *[word for one in options for word in ("-o", one)], volume)
    place = cli("volume", "inspect", "-f", "{{.Mountpoint}}", volume).out.strip()
    refused = cli("run", "--rm", "-v", f"{volume}:/m", "busybox", "true", check=False)
    assert refused.code in (125, 127)  # 127: the client takes it from the last words
    assert f"error while mounting volume '{place}': failed to mount local volume: " in refused.err
    assert message.format(place) in refused.err


def test_a_volume_that_is_a_bind(cli: Client, volume: str, tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    cli("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", f"device={tmp_path}", volume)
    assert cli("run", "--rm", "-v", f"{volume}:/m", "busybox", "sh", "-c", "ls /m; touch /m/y").out == "x\n"
    assert (tmp_path / "y").exists()


def test_names_of_one_file_are_filled_in_as_one(cli: Client, volume: str) -> None:
    """busybox's 400 names are one file, and would be 800 MB."""
    script = "set -- /q/*; echo $#; stat -c %h /q/ls"
    out = cli("run", "--rm", "-v", f"{volume}:/bin", "-v", f"{volume}:/q", "busybox", "sh", "-c", script).out
    count, links = out.split()
    assert int(links) >= int(count) - 1 > 200


def test_two_at_once_find_all_of_it(cli: Client, volume: str) -> None:
    """Whoever comes second waits for what the first one copies."""
    words = [
        cli.program,
        "run",
        "--rm",
        "-v",
        f"{volume}:/usr/bin",
        "debian",
        "sh",
        "-c",
        "find /usr/bin | wc -l",
    ]
    running = [
        subprocess.Popen(words, env=cli.environment, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    assert len({done.communicate(timeout=240)[0] for done in running}) == 1
    assert [done.returncode for done in running] == [0, 0]


def test_volumes_from(cli: Client, container: Run, volume: str, tmp_path: Path) -> None:
    name = fresh()
    cli(
        "create",
        "--name",
        name,
        "-v",
        f"{tmp_path}:/bound",
        "-v",
        f"{volume}:/named",
        "-v",
        "/own",
        "busybox",
    )
    every = "for d in bound named own; do touch /$d/x 2>/dev/null && echo $d; done; true"
    lent = ("run", "--rm", "--volumes-from")
    assert cli(*lent, name, "busybox", "sh", "-c", every).out.split() == ["bound", "named", "own"]
    assert cli(*lent, f"{name}:ro,z", "busybox", "sh", "-c", every).out == ""
    (tmp_path / "other").mkdir()
    over = ("-v", f"{tmp_path}/other:/named")
    assert cli(*lent, f"{name}:ro", *over, "busybox", "sh", "-c", every).out == "named\n"
    cli("rm", "-v", name)


@pytest.mark.ours("an addition to Docker")
def test_a_part_of_a_volume_in_one_word(cli: Client, volume: str) -> None:
    cli("run", "--rm", "-v", f"{volume}:/m", "busybox", "mkdir", "-p", "/m/logs/app")
    cli("run", "--rm", "-v", f"{volume}/logs/app:/m", "busybox", "touch", "/m/here")
    assert (
        cli("run", "--rm", "-v", f"{volume}/logs:/m:ro", "busybox", "find", "/m", "-type", "f").out
        == "/m/app/here\n"
    )
    missing = cli("run", "--rm", "-v", f"{volume}/nope:/m", "busybox", "true", check=False)
    assert "nope: no such file or directory" in missing.err
    climbing = cli("run", "--rm", "-v", f"{volume}/../x:/m", "busybox", "true", check=False)
    assert (climbing.code, "subpath must be a relative path within the volume" in climbing.err) == (125, True)


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Path]:
    """A mount of the machine that others may get mounts from, and give them to."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", tmp_path], check=True)
    subprocess.run(["mount", "--make-shared", tmp_path], check=True)
    (tmp_path / "below").mkdir()
    yield tmp_path
    subprocess.run(["umount", "-R", "-l", tmp_path], check=True)


def test_mounts_come_through(cli: Client, container: Run, shared: Path) -> None:
    name = container(
        "-v", f"{shared}:/slave:rslave", "-v", f"{shared}:/private", "--mount",
        f"type=bind,src={shared},dst=/shared,bind-propagation=rshared", "busybox", "sleep", "1000",
    )  # fmt: skip
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", shared / "below"], check=True)
    (shared / "below/x").touch()
    assert (
        cli("exec", name, "ls", "/slave/below", "/private/below").out
        == "/private/below:\n\n/slave/below:\nx\n"
    )
    assert cli("exec", name, "ls", "/shared/below").out == "x\n"


def test_a_private_mount_lets_none_through(cli: Client, shared: Path) -> None:
    subprocess.run(["mount", "--make-private", shared], check=True)
    for word, kind in (("rshared", "shared"), ("slave", "shared or slave")):
        refused = cli("run", "--rm", "-v", f"{shared}:/m:{word}", "busybox", "true", check=False)
        assert refused.code == 125
        assert f"path {shared} is mounted on {shared} but it is not a {kind} mount" in refused.err
