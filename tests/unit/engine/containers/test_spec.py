"""Containers → runtime-specs, held against whole documents in tests/golden/engine.

To write them anew after a change that is meant: SAMPAN_GOLDEN=write pytest … and look at the diff.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sampan.engine.containers import defaults, mounts
from sampan.engine.containers import spec as specs
from sampan.engine.containers.config import (
    Config,
    Device,
    HostConfig,
    NetworkingConfig,
    RestartPolicy,
    Ulimit,
)
from sampan.engine.containers.record import Definition
from sampan.engine.containers.spec import Surroundings
from sampan.engine.facts import Facts
from sampan.oci import image

GOLDEN = Path(__file__).parents[3] / "golden" / "engine"
FACTS = Facts(
    hostname="vm", kernel="6.1.0", operating_system="Debian", os_version="12", machine="x86_64", cpus=2,
    memory=1 << 30, cgroup_version=2, controllers=frozenset(), boot_id="",
)  # fmt: skip


def definition(config: Config, host: HostConfig, from_image: image.Config | None = None) -> Definition:
    defaults.merge_image(config, from_image or image.Config(Cmd=["sh"], Env=["PATH=/bin", "A=1"]))
    path, arguments = defaults.command(config)
    defaults.fill(host, FACTS)
    points = mounts.resolve(config, host, recursive_readonly=True)
    for number, point in enumerate(points):
        if point.anonymous:
            point.source = f"anonymous{number}"
    return Definition(
        id="c0ffee".ljust(64, "0"), name="web", created=1, image_id="sha256:0", path=path, args=arguments,
        config=config, host_config=host, networking=NetworkingConfig(), mounts=points, lowerdirs=["/l"],
        masked=[],
    )  # fmt: skip


def build(config: Config, host: HostConfig, **around: Any) -> dict[str, Any]:
    made = definition(config, host)
    volumes = {
        point.source: f"/volumes/{point.source}/_data" for point in made.mounts if point.kind == "volume"
    }
    return specs.build(
        made, Surroundings(hostname="c0ffee000000", network_files="/data/c", volumes=volumes, **around)
    )


CASES: dict[str, tuple[Config, HostConfig, dict[str, Any]]] = {
    "default": (Config(), HostConfig(), {}),
    "terminal": (
        Config(tty=True, user="www:www", working_dir="/srv", env=["A=2", "B"], entrypoint=["/e"], cmd=["c"]),
        HostConfig(console_size=[24, 80], group_add=["audio", "7"]),
        {},
    ),
    "limited": (
        Config(cmd=["true"]),
        HostConfig(
            memory=64 << 20, memory_reservation=32 << 20, nano_cpus=5 * 10**8, cpu_shares=512,
            cpuset_cpus="0-1", pids_limit=50, blkio_weight=300, oom_score_adj=100,
            ulimits=[Ulimit(name="core", soft=0, hard=-1)], shm_size=1 << 20,
            cpu_realtime_period=10_000, cpu_realtime_runtime=5_000,
            sysctls={"net.core.somaxconn": "77"}, cgroup_parent="/mine",
            annotations={"a": "b"},
        ),
        {
            "nofile": (1024, 4096),
            "block_io": {"weightDevice": [{"major": 8, "minor": 0, "weight": 20}]},
            "linked": ["WEB_NAME=/x/web"],
        },
    ),
    "confined": (
        Config(cmd=["true"], domainname="example.org"),
        HostConfig(
            readonly_rootfs=True, cap_drop=["ALL"], cap_add=["NET_ADMIN"],
            security_opt=["no-new-privileges:true", "systempaths=unconfined"], tmpfs={"/tmp": "size=1m"},
            restart_policy=RestartPolicy(name="always"),
        ),
        {},
    ),
    "mounted": (
        Config(cmd=["true"], volumes={"/declared": {}}),
        HostConfig(binds=["/host:/a/b:ro", "vol:/a", "/sl:/sl:rslave", "/h:/etc/hosts", "/shm:/dev/shm"]),
        {},
    ),
    "device": (
        Config(cmd=["true"]),
        HostConfig(devices=[Device(path_on_host="/dev/fuse")]),
        {
            "devices": [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}],
            "device_rules": [{"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rwm"}],
            "init": "/data/init/docker-init-x86_64",
        },
    ),
    "joined": (
        Config(cmd=["true"]),
        HostConfig(network_mode="container:x", pid_mode="container:x", ipc_mode="host", uts_mode="host"),
        {"joined": {"network": "/proc/7/ns/net", "pid": "/proc/7/ns/pid"}, "shm": "/dev/shm"},
    ),
    "host": (
        Config(cmd=["true"]),
        HostConfig(network_mode="host", pid_mode="host", ipc_mode="none", cgroupns_mode="host"),
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str) -> None:
    config, host, around = CASES[name]
    spec = build(config, host, **around)
    text = json.dumps(spec, indent=1) + "\n"
    path = GOLDEN / f"spec-{name}.json"
    if os.environ.get("SAMPAN_GOLDEN") == "write":
        path.write_text(text)
    assert text == path.read_text()


def test_privileged_has_everything() -> None:
    spec = build(Config(cmd=["true"]), HostConfig(privileged=True))
    linux = spec["linux"]
    assert linux["maskedPaths"] == linux["readonlyPaths"] == []
    assert linux["resources"]["devices"] == [{"allow": True, "access": "rwm"}]
    assert "CAP_SYS_ADMIN" in spec["process"]["capabilities"]["effective"]
    options = {entry["destination"]: entry["options"] for entry in spec["mounts"]}
    assert "ro" not in options["/sys"]
    assert "ro" not in options["/sys/fs/cgroup"]


@pytest.mark.parametrize(
    ("base", "over", "merged"),
    [
        (["A=1", "B=2"], ["A=3"], ["A=3", "B=2"]),
        (["A=1"], ["C=4"], ["A=1", "C=4"]),
        (["A=1", "B=2"], ["A"], ["B=2"]),
        (["A=1"], ["A="], ["A="]),
        ([], ["A=1", "A=2"], ["A=2"]),
    ],
)
def test_environments(base: list[str], over: list[str], merged: list[str]) -> None:
    assert specs.merged(base, over) == merged
