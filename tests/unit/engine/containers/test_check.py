"""Requests that are refused, in Docker's words, and requests that are not."""

import pytest

from sampan.engine.containers import check, logdrivers
from sampan.engine.containers.config import (
    Config,
    Device,
    HealthConfig,
    HostConfig,
    LogConfig,
    PortBinding,
    RestartPolicy,
    Ulimit,
)
from sampan.engine.facts import Facts
from sampan.errors import InvalidArgument, Unsupported

FACTS = Facts(
    hostname="vm", kernel="6.1.0", operating_system="Debian", os_version="12", machine="x86_64", cpus=2,
    memory=1 << 30, cgroup_version=2, controllers=frozenset(("memory", "cpu", "cpuset", "pids")), boot_id="",
    features=frozenset(
        (
            "memory", "swap", "reservation", "swappiness", "oom", "shares", "cfs", "cpuset", "pids", "weight",
            "weight device", "read bps", "write bps", "read iops", "write iops",
        )
    ),
)  # fmt: skip


def run(config: Config | None = None, host: HostConfig | None = None, facts: Facts = FACTS) -> list[str]:
    return check.check(config or Config(), host or HostConfig(), facts)


def test_nothing_is_fine() -> None:
    assert run() == []


@pytest.mark.parametrize(
    ("host", "message"),
    [
        (HostConfig(memory=1 << 20), "Minimum memory limit allowed is 6MB"),
        (
            HostConfig(memory=10 << 20, memory_swap=5 << 20),
            "Minimum memoryswap limit should be larger than memory limit, see usage",
        ),
        (
            HostConfig(memory_swap=5 << 20),
            "You should always set the Memory limit when using Memoryswap limit, see usage",
        ),
        (HostConfig(memory=-5), "Memory limit can not be negative"),
        (
            HostConfig(nano_cpus=99 * 10**9),
            "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available",
        ),
        (
            HostConfig(nano_cpus=1, cpu_quota=5000),
            "Conflicting options: Nano CPUs and CPU Quota cannot both be set",
        ),
        (HostConfig(cpu_quota=1), "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
        (
            HostConfig(cpu_period=1),
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
        ),
        (HostConfig(cpuset_cpus="x"), "Invalid value x for cpuset cpus"),
        (HostConfig(cpuset_cpus="1-0"), "Invalid value 1-0 for cpuset cpus"),
        (
            HostConfig(cpuset_cpus="0-99999999999"),
            "Invalid value 0-99999999999 for cpuset cpus: value of out range, maximum is 8192",
        ),
        (HostConfig(cpuset_cpus="7"), "Requested CPUs are not available - requested 7, available: 0-1"),
        (
            HostConfig(oom_score_adj=2000),
            "Invalid value 2000, range for oom score adj is [-1000, 1000]",
        ),
        (HostConfig(shm_size=-1), "SHM size can not be less than 0"),
        (HostConfig(ulimits=[Ulimit(name="foo", soft=1, hard=1)]), "invalid ulimit type: foo"),
        (
            HostConfig(ulimits=[Ulimit(name="nofile", soft=2, hard=1)]),
            "ulimit soft limit must be less than or equal to hard limit: 2 > 1",
        ),
        (HostConfig(cap_add=["BOGUS"]), 'invalid CapAdd: unknown capability: "CAP_BOGUS"'),
        (HostConfig(cap_drop=["BOGUS"]), 'invalid CapDrop: unknown capability: "CAP_BOGUS"'),
        (
            HostConfig(restart_policy=RestartPolicy(name="foo")),
            "invalid restart policy: unknown policy 'foo'; use one of 'no', 'always', 'on-failure', or"
            " 'unless-stopped'",
        ),
        (
            HostConfig(restart_policy=RestartPolicy(name="always", maximum_retry_count=3)),
            "invalid restart policy: maximum retry count can only be used with 'on-failure'",
        ),
        (
            HostConfig(auto_remove=True, restart_policy=RestartPolicy(name="always")),
            "can't create 'AutoRemove' container with restart policy",
        ),
        (HostConfig(security_opt=["bogus"]), 'invalid --security-opt 1: "bogus"'),
        (HostConfig(security_opt=["bogus=1"]), 'invalid --security-opt 2: "bogus=1"'),
        (HostConfig(pid_mode="foo"), "invalid PID mode: foo"),
        (HostConfig(ipc_mode="foo"), "invalid IPC mode: foo"),
        (HostConfig(uts_mode="foo"), "invalid UTS mode: foo"),
        (HostConfig(cgroupns_mode="foo"), "invalid cgroup namespace mode: foo"),
        (HostConfig(cgroup_parent="/a/../../b"), "invalid cgroup parent: /a/../../b"),
        (HostConfig(network_mode="container:"), "invalid container format container:<name|id>"),
        (
            HostConfig(network_mode="container:x", port_bindings={"80/tcp": [PortBinding()]}),
            "conflicting options: port publishing and the container type network mode",
        ),
        (HostConfig(dns=["x"]), "invalid IP address: x"),
        (HostConfig(extra_hosts=["x"]), 'bad format for add-host: "x"'),
        (HostConfig(extra_hosts=["x:y"]), 'invalid IP address in add-host: "y"'),
        (
            HostConfig(log_config=LogConfig("bogus")),
            'error looking up logging plugin bogus: plugin "bogus" not found',
        ),
        (
            HostConfig(log_config=LogConfig("json-file", {"x": "y"})),
            "unknown log opt 'x' for json-file log driver",
        ),
        (HostConfig(log_config=LogConfig("json-file", {"max-size": "x"})), "invalid size: 'x'"),
        (
            HostConfig(log_config=LogConfig("json-file", {"max-file": "0", "max-size": "1m"})),
            "max-file cannot be less than 1",
        ),
        (
            HostConfig(device_requests=[{"Driver": "", "Capabilities": [["gpu"]]}]),
            'could not select device driver "" with capabilities: [[gpu]]',
        ),
    ],
)
def test_host_configs_that_are_wrong(host: HostConfig, message: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        run(host=host)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            Config(working_dir="rel"),
            "the working directory 'rel' is invalid, it needs to be an absolute path",
        ),
        (Config(env=["=x"]), "invalid environment variable: =x"),
        (Config(stop_signal="FOO"), "invalid signal: FOO"),
        (Config(cmd=["a\0b"]), "invalid command: it contains a NUL byte"),
        (Config(hostname="h" * 65), "invalid hostname: longer than 64 bytes"),
    ],
)
def test_configs_that_are_wrong(config: Config, message: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        run(config)
    assert str(error.value) == message


@pytest.mark.parametrize(
    "host",
    [
        HostConfig(io_maximum_iops=1),
        HostConfig(cpu_count=1),
        HostConfig(cgroup="x"),
    ],
)
def test_what_is_not_honoured_is_refused(host: HostConfig) -> None:
    with pytest.raises(Unsupported, match="not supported"):
        run(host=host)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"interval": 10}, "Interval in Healthcheck cannot be less than 1ms"),
        ({"timeout": -1}, "Timeout in Healthcheck cannot be less than 1ms"),
        ({"start_period": 999_999}, "StartPeriod in Healthcheck cannot be less than 1ms"),
        ({"start_interval": 1}, "StartInterval in Healthcheck cannot be less than 1ms"),
        ({"retries": -1}, "Retries in Healthcheck cannot be negative"),
    ],
)
def test_health_checks_that_cannot_be(fields: dict[str, int], sentence: str) -> None:
    with pytest.raises(InvalidArgument, match=sentence):
        run(Config(healthcheck=HealthConfig(**fields)))


def test_what_to_do_about_an_unhealthy_container_is_looked_at() -> None:
    run(Config(labels={"sampan.health-on-failure": "restart"}))
    with pytest.raises(InvalidArgument, match="'reboot'"):
        run(Config(labels={"sampan.health-on-failure": "reboot"}))


@pytest.mark.parametrize(
    "host",
    [
        HostConfig(memory=64 << 20, memory_swap=-1, pids_limit=-1, cpuset_cpus="0,1", cpuset_mems="0"),
        HostConfig(nano_cpus=5 * 10**8, cpu_shares=2, oom_score_adj=-1000),
        HostConfig(security_opt=["no-new-privileges", "seccomp=unconfined", "label:disable", "apparmor=x"]),
        HostConfig(cap_add=["all"], cap_drop=["CAP_CHOWN"], devices=[Device(path_on_host="/dev/null")]),
        HostConfig(extra_hosts=["a:1.2.3.4", "b:::1", "c:host-gateway"], dns=["1.1.1.1", "::1"]),
        HostConfig(network_mode="container:x", pid_mode="container:x", ipc_mode="container:x"),
        HostConfig(log_config=LogConfig("json-file", {"max-size": "10m", "max-file": "3"})),
        HostConfig(log_config=LogConfig("none")),
        HostConfig(ulimits=[Ulimit(name="nofile", soft=1, hard=-1)]),
    ],
)
def test_host_configs_that_are_right(host: HostConfig) -> None:
    assert run(host=host) == []


def test_a_missing_controller_is_a_warning() -> None:
    bare = Facts(**{**FACTS.__dict__, "features": frozenset()})
    warnings = run(host=HostConfig(memory=64 << 20, pids_limit=5), facts=bare)
    assert len(warnings) == 2
    assert all("not support" in warning for warning in warnings)


def test_ports_with_the_hosts_network_are_a_warning() -> None:
    host = HostConfig(network_mode="host", port_bindings={"80/tcp": [PortBinding()]})
    assert run(host=host) == ["Published ports are discarded when using host network mode"]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("10", 10),
        ("10b", 10),
        ("1k", 1024),
        ("10m", 10 << 20),
        ("1.5g", 3 << 29),
        ("2MB", 2 << 20),
        ("-1", -1),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert logdrivers.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "x", "m", "1.2.3", "-5", "1e9", "9" * 40, "١m"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(InvalidArgument):
        logdrivers.parse_size(text)
