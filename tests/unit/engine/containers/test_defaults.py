"""The image's configuration under the user's (moby daemon/commit.go, merge), and Docker's defaults."""

import pytest

from sampan.engine.containers import defaults
from sampan.engine.containers.config import Config, HostConfig, LogConfig
from sampan.engine.facts import Facts
from sampan.errors import InvalidArgument
from sampan.oci import image

IMAGE = image.Config(
    Cmd=["c", "d"], Entrypoint=["/e"], Env=["A=1", "P=/bin"], User="www", WorkingDir="/w",
    Labels={"a": "1", "b": "2"}, ExposedPorts={"80/tcp": {}}, Volumes={"/v": {}}, StopSignal="SIGQUIT",
)  # fmt: skip


def facts(version: int = 2) -> Facts:
    return Facts(
        hostname="vm", kernel="", operating_system="", os_version="", machine="x86_64", cpus=1, memory=1,
        cgroup_version=version, controllers=frozenset(), boot_id="", masked=("/sys/thermal",),
    )  # fmt: skip


def test_the_image_fills_what_is_open() -> None:
    config = defaults.merge_image(Config(), IMAGE)
    assert defaults.command(config) == ("/e", ["c", "d"])
    assert (config.user, config.working_dir, config.stop_signal) == ("www", "/w", "SIGQUIT")
    assert config.labels == {"a": "1", "b": "2"}
    assert config.exposed_ports == {"80/tcp": {}}
    assert config.volumes == {"/v": {}}


def test_the_user_wins() -> None:
    given = Config(
        user="me", working_dir="/x", env=["A=2"], labels={"a": "3"}, exposed_ports={"90/tcp": {}}, cmd=["z"]
    )
    config = defaults.merge_image(given, IMAGE)
    assert defaults.command(config) == ("/e", ["z"])
    assert config.env == ["A=2", "P=/bin"]
    assert config.labels == {"a": "3", "b": "2"}
    assert config.exposed_ports == {"80/tcp": {}, "90/tcp": {}}
    assert (config.user, config.working_dir) == ("me", "/x")


@pytest.mark.parametrize(
    ("config", "command"),
    [
        (Config(entrypoint=["/n"]), ("/n", [])),
        (Config(entrypoint=["/n"], cmd=["y"]), ("/n", ["y"])),
        (Config(entrypoint=[""], cmd=["y"]), ("y", [])),
        (Config(entrypoint=[], cmd=["y"]), ("y", [])),
        (Config(entrypoint="/n"), ("/n", [])),
        (Config(cmd="y"), ("/e", ["y"])),
    ],
)
def test_entrypoints(config: Config, command: tuple[str, list[str]]) -> None:
    assert defaults.command(defaults.merge_image(config, IMAGE)) == command


def test_nothing_to_run() -> None:
    with pytest.raises(InvalidArgument, match="No command specified"):
        defaults.command(defaults.merge_image(Config(entrypoint=[""]), IMAGE))
    with pytest.raises(InvalidArgument, match="No command specified"):
        defaults.command(defaults.merge_image(Config(), image.Config()))


def test_defaults_are_written_down() -> None:
    host = HostConfig(memory=64 << 20)
    defaults.fill(host, facts())
    assert (host.network_mode, host.ipc_mode, host.cgroupns_mode) == ("bridge", "private", "private")
    assert (host.shm_size, host.memory_swap, host.restart_policy.name) == (64 << 20, 128 << 20, "no")
    assert host.log_config == LogConfig("json-file", {"max-size": "10m", "max-file": "3"})
    assert host.masked_paths is not None
    assert host.masked_paths[0] == "/proc/asound"
    assert host.masked_paths[-1] == "/sys/thermal"


@pytest.mark.parametrize(
    ("version", "privileged", "mode"),
    [(2, False, "private"), (2, True, "host"), (1, False, "host")],
)
def test_cgroup_namespaces(version: int, privileged: bool, mode: str) -> None:
    host = HostConfig(privileged=privileged)
    defaults.fill(host, facts(version))
    assert host.cgroupns_mode == mode


def test_a_log_that_was_chosen_is_left_alone() -> None:
    host = HostConfig(log_config=LogConfig("json-file", {"max-size": "1k"}))
    defaults.fill(host, facts())
    assert host.log_config == LogConfig("json-file", {"max-size": "1k"})


@pytest.mark.parametrize(
    "host", [HostConfig(privileged=True), HostConfig(security_opt=["systempaths=unconfined"])]
)
def test_no_masks(host: HostConfig) -> None:
    defaults.fill(host, facts())
    assert host.masked_paths == host.readonly_paths == []
