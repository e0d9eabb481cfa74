"""Options of log drivers, and what is made of them."""

import json
from pathlib import Path

import pytest

from sampan.engine.containers import logdrivers
from sampan.engine.containers.config import Config, HostConfig, LogConfig, NetworkingConfig
from sampan.engine.containers.record import Definition
from sampan.errors import InvalidArgument


def definition(driver: str = "json-file", **options: str) -> Definition:
    config = Config(labels={"a": "1", "b": "x y"}, env=["X=3", "Y=4=5"], image="nginx:1")
    log = LogConfig(driver, {name.replace("_", "-"): value for name, value in options.items()})
    host = HostConfig(log_config=log)
    identity = "0123456789abcdef" * 4
    return Definition(
        identity,
        "web",
        0,
        "sha256:" + "f" * 64,
        "sh",
        ["-c", "x"],
        config,
        host,
        NetworkingConfig(),
        [],
        [],
        [],
    )


def test_defaults_of_the_daemon_and_rotation() -> None:
    rotation = {"max-size": "10m", "max-file": "3"}
    assert logdrivers.merged(LogConfig(), {}) == LogConfig("json-file", rotation)
    assert logdrivers.merged(LogConfig("json-file", {"max-size": "1k"}), {}).config == {"max-size": "1k"}
    assert logdrivers.merged(LogConfig("none"), {}) == LogConfig("none", {})
    file = {"log-driver": "syslog", "log-opts": {"tag": "t", "mode": "non-blocking"}}
    own = LogConfig("", {"tag": "mine"})
    assert logdrivers.merged(own, file) == LogConfig("syslog", {"tag": "mine", "mode": "non-blocking"})
    assert logdrivers.merged(LogConfig("local"), file) == LogConfig("local", {})


def test_what_json_file_gets(tmp_path: Path) -> None:
    log = logdrivers.resolve(
        definition(max_size="1k", max_file="4", compress="true", labels="a", env_regex="^Y", tag="{{.Name}}"),
        str(tmp_path),
    )
    assert (log.max_size, log.max_file, log.compress, log.forward) == (1024, 4, True, None)
    assert json.loads(log.attributes) == {"Y": "4=5", "a": "1", "tag": "web"}
    assert log.path.endswith("-json.log")
    plain = logdrivers.resolve(definition(), str(tmp_path))
    assert (plain.max_size, plain.max_file, plain.compress, plain.attributes) == (-1, 1, False, "")


def test_what_local_and_none_get(tmp_path: Path) -> None:
    log = logdrivers.resolve(definition("local"), str(tmp_path))
    assert (log.max_size, log.max_file, log.compress) == (20 << 20, 5, True)
    assert (tmp_path / "local-logs").is_dir()
    assert logdrivers.resolve(definition("none"), str(tmp_path)).driver == "none"


def test_syslog_is_forwarded_and_cached(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    path.touch()
    log = logdrivers.resolve(
        definition("syslog", syslog_address=f"unix://{path}", syslog_facility="local0", mode="non-blocking"),
        str(tmp_path),
    )
    assert log.forward is not None
    assert log.forward[:5] == ("unix", str(path), "unix", "0123456789ab", 16)
    assert not log.forward.blocking
    assert log.path.endswith("container-cached.log")
    bare = definition("syslog", syslog_address=f"unix://{path}", cache_disabled="true")
    assert logdrivers.resolve(bare, str(tmp_path)).driver == "none"


def test_tags() -> None:
    template = "{{.ID}} {{ .FullID }} {{.Name}} {{.ImageID}} {{.ImageName}} {{.DaemonName}} {{.Command}}"
    shown = f"0123456789ab {'0123456789abcdef' * 4} web {'f' * 12} nginx:1 docker sh -c x"
    assert logdrivers.tag(definition(), template) == shown


@pytest.mark.parametrize(
    ("driver", "options", "sentence"),
    [
        ("x", {}, 'plugin "x" not found'),
        ("none", {"mode": "blocking"}, "unknown log opt 'mode' for none log driver"),
        ("json-file", {"max-file": "0"}, "max-file cannot be less than 1"),
        ("json-file", {"max-file": "3"}, "max-file option requires max-size to be set"),
        ("json-file", {"compress": "true"}, "compress cannot be true when max-file is less than 2"),
        (
            "json-file",
            {"compress": "perhaps", "max-size": "1k", "max-file": "2"},
            "invalid value for compress",
        ),
        ("json-file", {"tag": "{{.Nope}}"}, "there is no field Nope"),
        ("json-file", {"tag": "{{if .ID}}x{{end}}"}, "only fields"),
        ("json-file", {"env-regex": "["}, "error parsing regexp"),
        ("syslog", {"syslog-address": "tcp://"}, "should be in form proto://address, got tcp://"),
        ("syslog", {"syslog-address": "tcp://h:99999"}, "should be in form proto://address"),
        ("syslog", {"syslog-address": "unix:///no/such"}, "stat /no/such: no such file or directory"),
    ],
)
def test_options_that_cannot_be(driver: str, options: dict[str, str], sentence: str) -> None:
    with pytest.raises(InvalidArgument, match=sentence.replace("(", "\\(")):
        logdrivers.check(LogConfig(driver, options))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("tcp://host", ("tcp", "host:514")),
        ("tcp+tls://host", ("tcp+tls", "host:6514")),
        ("udp://[::1]:99", ("udp", "[::1]:99")),
        ("", ("", "")),
    ],
)
def test_addresses(text: str, place: tuple[str, str]) -> None:
    assert logdrivers.address(text) == place
