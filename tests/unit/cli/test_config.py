"""config.json: what is read of it, and how it is written."""

import json
from pathlib import Path

import pytest

from sampan.cli import config


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "docker")


def test_what_is_written_is_read(place: str) -> None:
    config.write(place, {"currentContext": "far", "unknown": {"a": [1, None]}})
    assert config.read(place) == {"auths": {}, "currentContext": "far", "unknown": {"a": [1, None]}}
    file = Path(place, "config.json")
    assert file.read_text().startswith('{\n\t"auths": {},\n\t"currentContext": "far"')
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in Path(place).iterdir()] == ["config.json"]


def test_a_link_stays_a_link_and_a_mode_a_mode(place: str, tmp_path: Path) -> None:
    Path(place).mkdir()
    real = tmp_path / "real.json"
    real.write_text("{}")
    real.chmod(0o640)
    Path(place, "config.json").symlink_to("../real.json")
    config.write(place, {"detachKeys": "ctrl-x"})
    assert Path(place, "config.json").is_symlink()
    assert json.loads(real.read_text())["detachKeys"] == "ctrl-x"
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_broken_file_is_told_and_ignored(place: str, capfd: pytest.CaptureFixture[str]) -> None:
    Path(place).mkdir()
    Path(place, "config.json").write_text("{")
    assert config.read(place) == {}
    assert capfd.readouterr().err.startswith(f"WARNING: Error loading config file: {place}/config.json: ")


def test_none_is_empty(place: str) -> None:
    assert config.read(place) == {}


@pytest.mark.parametrize(
    ("settings", "helper"),
    [
        ({}, ""),
        ({"credsStore": "pass"}, "pass"),
        ({"credsStore": "pass", "credHelpers": {"gcr.io": "gcloud"}}, "gcloud"),
        ({"credHelpers": {"other": "gcloud"}}, ""),
    ],
)
def test_credential_helper(settings: dict[str, object], helper: str) -> None:
    assert config.credential_helper(settings, "gcr.io") == helper


def test_headers() -> None:
    assert config.headers({}) == ()
    assert config.headers({"HttpHeaders": {"X-Meta": "a", "user-agent": "b"}}) == [("X-Meta", "a")]


def test_proxies() -> None:
    settings = {
        "proxies": {
            "default": {"httpProxy": "http://p", "noProxy": "local"},
            "tcp://far:1": {"allProxy": "socks5://q"},
        }
    }
    assert config.proxies(settings, "unix:///x", ["NO_PROXY=mine", "http_proxy"]) == [
        "HTTP_PROXY=http://p",
        "no_proxy=local",
    ]
    assert config.proxies(settings, "tcp://far:1", []) == ["ALL_PROXY=socks5://q", "all_proxy=socks5://q"]
    assert config.proxies({}, "unix:///x", []) == []
