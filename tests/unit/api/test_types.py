"""Bodies in the shapes that clients send, and in shapes that none should."""

import pytest

from sampan.api.types import VolumeCreate, create_body, decode
from sampan.engine.containers.config import Config
from sampan.errors import InvalidArgument


def test_a_container_of_the_docker_cli() -> None:
    body = b"""{"Hostname":"","AttachStdout":true,"Cmd":["echo","hi"],"Image":"busybox","Volumes":{},
    "Entrypoint":null,"OnBuild":null,"Labels":{},"Unknown":[1],"HostConfig":{"Binds":null,"LogConfig":{"Type":"","Config":{}},
    "PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8080"}]},"RestartPolicy":{"Name":"no","MaximumRetryCount":0},
    "ConsoleSize":[24,80],"Init":true,"PidsLimit":0,"BlkioDeviceReadIOps":null},
    "NetworkingConfig":{"EndpointsConfig":{"default":{"MacAddress":"02:42:ac:11:00:02"}}}}"""
    config, host, networking = create_body(body)
    assert (config.cmd, config.image, config.attach_stdout) == (["echo", "hi"], "busybox", True)
    assert host.port_bindings is not None
    (binding,) = host.port_bindings["80/tcp"] or []
    assert (binding.host_ip, binding.host_port) == ("", "8080")
    assert (host.console_size, host.init) == ([24, 80], True)
    assert networking.endpoints_config is not None
    assert networking.endpoints_config["default"].mac_address == "02:42:ac:11:00:02"  # type: ignore[union-attr]


def test_null_is_nothing() -> None:
    config, host, _ = create_body(
        b'{"Image":"x","Hostname":null,"Tty":null,"StopTimeout":null,"HostConfig":{"Memory":null,"LogConfig":null}}'
    )
    assert (config.image, config.hostname, config.tty, host.memory) == ("x", "", False, 0)


def test_an_empty_body_is_an_empty_object() -> None:
    assert decode(b" \n", VolumeCreate) == VolumeCreate()


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"1",
        b"nul",
        b'{"Image":1}',
        b'{"Tty":1}',
        b'{"Tty":"true"}',
        b'{"StopTimeout":1.5}',
        b'{"StopTimeout":1e400}',
        b'{"StopTimeout":NaN}',
        b'{"StopTimeout":' + b"9" * 5000 + b"}",
        b'{"Cmd":[1]}',
        b'{"Labels":["x"]}',
        b'{"Image":"\xff"}',
        b'{"Image":"\\ud800"}',
        b'\xef\xbb\xbf{"Image":"x"}',
        b'{"Image":"x"}{"Image":"y"}',
        b'{"Labels":' + b'{"a":' * 100_000,
        b'{"Unknown":' + b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
    ],
    ids=lambda body: body[:24].decode("latin-1"),
)
def test_what_is_no_container(body: bytes) -> None:
    with pytest.raises(InvalidArgument, match="invalid JSON"):
        decode(body, Config)


@pytest.mark.parametrize("text", ["\u00e4\U0001f433", "\u2028", "\x7f", '\\ " / \b'])
def test_any_text_goes_through(text: str) -> None:
    import json

    body = json.dumps({"Image": "x", "Labels": {text: text}, "Env": [f"A={text}"]}).encode()
    config = decode(body, Config)
    assert config.labels == {text: text}
    assert config.env == [f"A={text}"]
