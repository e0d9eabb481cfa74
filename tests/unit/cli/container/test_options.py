"""Flags of run and create to the API."""

import json
from pathlib import Path
from typing import Any

import pytest

from sampan.cli.container import options
from sampan.cli.flags import Parser
from sampan.errors import InvalidArgument


def config(*words: str) -> dict[str, Any]:
    parser = Parser(options.FLAGS, interspersed=False)
    parser.parse([*words, "img", "cmd", "-x"])
    return options.config(parser.values, parser.arguments[0], parser.arguments[1:])


PLAIN = {
    "Image": "img",
    "Cmd": ["cmd", "-x"],
    "AttachStdin": False,
    "AttachStdout": True,
    "AttachStderr": True,
    "HostConfig": {},
}


def test_nothing_is_sent_that_was_not_said() -> None:
    assert config() == PLAIN


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        (["-h", "web"], {"Hostname": "web"}),
        (["-u", "1:2", "-w", "/x"], {"User": "1:2", "WorkingDir": "/x"}),
        (["--entrypoint", "sh"], {"Entrypoint": ["sh"]}),
        (["--entrypoint", ""], {"Entrypoint": [""]}),
        (["-e", "A=b"], {"Env": ["A=b"]}),
        (["-l", "a=b"], {"Labels": {"a": "b"}}),
        (["-it"], {"Tty": True, "OpenStdin": True, "StdinOnce": True, "AttachStdin": True}),
        (["-a", "stdout"], {"AttachStderr": False}),
        (["-a", "STDIN"], {"AttachStdin": True, "AttachStdout": False, "AttachStderr": False}),
        (["--stop-timeout", "5", "--stop-signal", "INT"], {"StopTimeout": 5, "StopSignal": "INT"}),
        (["-v", "/data"], {"Volumes": {"/data": {}}}),
        (
            ["--mac-address", "02:42:ac:11:00:09"],
            {
                "MacAddress": "02:42:ac:11:00:09",
                "NetworkingConfig": {"EndpointsConfig": {"default": {"MacAddress": "02:42:ac:11:00:09"}}},
            },
        ),
        (["--expose", "80"], {"ExposedPorts": {"80/tcp": {}}}),
    ],
)
def test_config(words: list[str], fields: dict[str, Any]) -> None:
    assert config(*words) == PLAIN | fields


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        (["-m", "64m", "--memory-swap", "-1"], {"Memory": 67108864, "MemorySwap": -1}),
        (["--cpus", "1.5", "-c", "512"], {"NanoCpus": 1500000000, "CpuShares": 512}),
        (["--pids-limit", "-1"], {"PidsLimit": -1}),
        (["--blkio-weight", "300"], {"BlkioWeight": 300}),
        (
            ["--blkio-weight-device", "/dev/a:10", "--blkio-weight-device", "/dev/b:0"],
            {"BlkioWeightDevice": [{"Path": "/dev/a", "Weight": 10}, {"Path": "/dev/b", "Weight": 0}]},
        ),
        (["--device-read-bps", "/dev/a:1mb"], {"BlkioDeviceReadBps": [{"Path": "/dev/a", "Rate": 1 << 20}]}),
        (["--device-write-bps", "/dev/a:1"], {"BlkioDeviceWriteBps": [{"Path": "/dev/a", "Rate": 1}]}),
        (["--device-read-iops", "/dev/a:7"], {"BlkioDeviceReadIOps": [{"Path": "/dev/a", "Rate": 7}]}),
        (["--device-write-iops", "/dev/a:8"], {"BlkioDeviceWriteIOps": [{"Path": "/dev/a", "Rate": 8}]}),
        (["--device-cgroup-rule", "c 1:* rw"], {"DeviceCgroupRules": ["c 1:* rw"]}),
        (["--cgroup-parent", "/a"], {"CgroupParent": "/a"}),
        (
            ["--cpu-rt-period", "10", "--cpu-rt-runtime", "5"],
            {"CpuRealtimePeriod": 10, "CpuRealtimeRuntime": 5},
        ),
        (["--isolation", "default"], {"Isolation": "default"}),
        (["--link", "a", "--link", "b:c"], {"Links": ["a", "b:c"]}),
        (["--memory-swappiness", "30"], {"MemorySwappiness": 30}),
        (["--oom-kill-disable"], {"OomKillDisable": True}),
        (["--storage-opt", "size=1G"], {"StorageOpt": {"size": "1G"}}),
        (["--userns", "host"], {"UsernsMode": "host"}),
        (["--volume-driver", "x"], {"VolumeDriver": "x"}),
        (["--volumes-from", "a:ro"], {"VolumesFrom": ["a:ro"]}),
        (["--rm", "--init", "--privileged"], {"AutoRemove": True, "Init": True, "Privileged": True}),
        (["--init=false"], {"Init": False}),
        (
            ["--cap-add", "ALL", "--cap-drop", "a", "--cap-drop", "b"],
            {"CapAdd": ["ALL"], "CapDrop": ["a", "b"]},
        ),
        (["--network", "none"], {"NetworkMode": "none"}),
        (["--net=host"], {"NetworkMode": "host"}),
        (["-v", "/a:/b:ro"], {"Binds": ["/a:/b:ro"]}),
        (["--tmpfs", "/run:size=1m"], {"Tmpfs": {"/run": "size=1m"}}),
        (["--mount", "target=/x"], {"Mounts": [{"Type": "volume", "Target": "/x"}]}),
        (["--restart", "on-failure:3"], {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}}),
        (["--ulimit", "core=0"], {"Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}]}),
        (["--sysctl", "net.a=1"], {"Sysctls": {"net.a": "1"}}),
        (["--dns", "1.1.1.1", "--dns-opt", "x"], {"Dns": ["1.1.1.1"], "DnsOptions": ["x"]}),
        (["--log-driver", "none"], {"LogConfig": {"Type": "none", "Config": {}}}),
        (["--log-opt", "max-size=1m"], {"LogConfig": {"Type": "", "Config": {"max-size": "1m"}}}),
        (["--security-opt", "no-new-privileges"], {"SecurityOpt": ["no-new-privileges"]}),
        (["--security-opt", "systempaths=unconfined"], {"MaskedPaths": [], "ReadonlyPaths": []}),
        (["--annotation", "a=b"], {"Annotations": {"a": "b"}}),
        (["--shm-size", "1g", "--oom-score-adj", "-5"], {"ShmSize": 1073741824, "OomScoreAdj": -5}),
        (
            ["--pid", "host", "--uts", "host", "--ipc", "host"],
            {"PidMode": "host", "UTSMode": "host", "IpcMode": "host"},
        ),
        (["--group-add", "1", "--volumes-from", "c"], {"GroupAdd": ["1"], "VolumesFrom": ["c"]}),
    ],
)
def test_host_config(words: list[str], fields: dict[str, Any]) -> None:
    assert config(*words) == PLAIN | {"HostConfig": fields}


def test_ports() -> None:
    found = config("-p", "8080:80", "--expose", "90")
    assert found["ExposedPorts"] == {"80/tcp": {}, "90/tcp": {}}
    assert found["HostConfig"] == {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}}


def test_a_seccomp_profile_is_read_here(tmp_path: Path) -> None:
    file = tmp_path / "profile.json"
    file.write_text(' { "defaultAction" : "SCMP_ACT_ALLOW" }\n')
    [option] = config("--security-opt", f"seccomp={file}")["HostConfig"]["SecurityOpt"]
    assert json.loads(option.removeprefix("seccomp=")) == {"defaultAction": "SCMP_ACT_ALLOW"}


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--rm", "--restart", "always"], "conflicting options: cannot specify both --restart and --rm"),
        (["--restart", ":3"], "invalid restart policy format: no policy provided before colon"),
        (["--restart", "a:b"], "invalid restart policy format: maximum retry count must be an integer"),
        (["--pid", "x"], "--pid: invalid PID mode"),
        (["--userns", "x"], "--userns: invalid USER mode"),
        (["--mac-address", "02:00"], "02:00 is not a valid mac address"),
        (["--memory-swappiness", "101"], "invalid value: 101. Valid memory swappiness range is 0-100"),
        (["--storage-opt", "x"], "invalid storage option"),
        (["--uts", "x"], "--uts: invalid UTS mode"),
        (["--cgroupns", "x"], "--cgroupns: invalid CGROUP mode"),
        (["--security-opt", "foo"], 'Invalid --security-opt: "foo"'),
        (["--log-driver", "none", "--log-opt", "a=b"], "invalid logging opts for driver none"),
    ],
)
def test_contradictions(words: list[str], error: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        config(*words)
    assert str(raised.value) == error


def test_rm_with_restart_no() -> None:
    assert config("--rm", "--restart", "no")["HostConfig"]["AutoRemove"]
