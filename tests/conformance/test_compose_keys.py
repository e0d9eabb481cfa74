"""Every key of a compose file that counts, and what it does: seen in `inspect`, inside, or (where machines
differ in what they can do) in what the daemon is asked for."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.clients import Client, Result, ours
from harness.daemon import Daemon
from harness.reference import Reference
from sampan.compose import container, load, model, select
from sampan.compose.discover import Wanted

Compose = Callable[..., Result]

# behaviour of Compose: what has to be there (M), and what should be (S); `deploy`, `build` and the sections
# below have their own keys.
IMPORTANT = (
    *("image", "build", "command", "entrypoint", "environment", "env_file", "ports", "volumes"),
    *("depends_on", "networks", "restart", "container_name", "healthcheck", "expose", "labels"),
    *("working_dir", "user", "hostname", "extra_hosts", "tty", "stdin_open", "privileged", "cap_add"),
    *("cap_drop", "network_mode", "links", "tmpfs", "profiles", "extends", "secrets", "configs"),
    *("logging", "init", "stop_signal", "stop_grace_period", "read_only", "shm_size", "ulimits"),
    *("security_opt", "devices", "dns", "pull_policy", "scale", "platform", "deploy", "mem_limit", "cpus"),
    *("develop", "gpus", "group_add", "dns_search", "dns_opt", "domainname", "label_file", "annotations"),
    *("attach", "sysctls", "pid", "ipc", "uts", "userns_mode", "cgroup", "cgroup_parent", "cpuset"),
    *("cpu_shares", "cpu_quota", "cpu_period", "mem_reservation", "memswap_limit", "mem_swappiness"),
    *("pids_limit", "oom_kill_disable", "oom_score_adj", "blkio_config", "device_cgroup_rules"),
    *("external_links", "volumes_from", "mac_address", "runtime", "storage_opt", "post_start", "pre_stop"),
    *("pre_start", "pull_refresh_after"),
)
# Seen elsewhere: the files that hold them, from here.
ELSEWHERE = {
    "build": "test_compose.py and the second test here",
    "profiles": "test_compose.py",
    "attach": "test_compose_projects.py",
    "develop": "test_compose_watch.py",
    "pull_policy": "../golden/compose/cases/plan-pull-ages.case",
    "pull_refresh_after": "../golden/compose/cases/plan-pull-ages.case",
}

PROJECT = """
services:
  main:
    extends: {file: base.yaml, service: base}
    container_name: ${NAME}-main
    hostname: host-of-main
    domainname: example.org
    entrypoint: ["/bin/sh", "-c"]
    command: ["trap 'cat /said; exit 0' USR1; while :; do sleep 0.1; done"]
    env_file: values.env
    environment: {FROM_MAIN: main}
    label_file: labels.txt
    labels: {own: "1"}
    annotations: {note: seen}
    working_dir: /tmp
    user: "0:33"
    group_add: ["44"]
    cap_drop: [ALL]
    cap_add: [NET_RAW, CHOWN]
    security_opt: ["no-new-privileges:true"]
    sysctls: {net.ipv4.ip_unprivileged_port_start: 99}
    ulimits: {nofile: {soft: 111, hard: 222}, core: 0}
    shm_size: 2m
    tmpfs: ["/scratch:size=1m"]
    devices: ["/dev/null:/dev/nothing:r"]
    device_cgroup_rules: ["c 1:3 mr"]
    dns: 9.9.9.9
    dns_search: search.example
    dns_opt: [ndots:3]
    extra_hosts: ["neighbour:10.11.12.13"]
    stop_signal: SIGUSR1
    stop_grace_period: 1m20s
    logging: {driver: json-file, options: {max-size: 1m}}
    restart: on-failure:4
    init: true
    tty: true
    stdin_open: true
    oom_score_adj: 200
    cgroup: private
    userns_mode: host
    post_start: [{command: "sh -c 'echo post >/said'"}]
    pre_stop: [{command: "sh -c 'echo pre >>/said'", user: "0"}]
    healthcheck:
      {test: "true", interval: 300ms, timeout: 4s, retries: 5, start_period: 6s, start_interval: 100ms}
    ports: ["127.0.0.1::80", {target: 81, protocol: udp}]
    expose: [82]
  limited:
    image: busybox
    command: sleep 1000
    init: true
    read_only: true
    privileged: true
    platform: linux
    deploy:
      replicas: 2
      restart_policy: {condition: on-failure, max_attempts: 7}
      resources: {limits: {cpus: "0.5", memory: 64M, pids: 50}, reservations: {memory: 32M}}
    depends_on: {main: {condition: service_healthy}}
  files:
    image: busybox
    command: sleep 1000
    init: true
    volumes:
      - data:/data
      - ./shared:/shared:ro
      - {type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 0700}}
      - /anonymous
    secrets: [{source: token, target: /tok, uid: "7", gid: "8", mode: 0440}, from_file]
    configs: [{source: inline, target: /etc/inline.conf}, {source: from_variable, mode: 0400}]
    pre_start: [{command: "sh -c 'echo prepared >/data/file'"}]
  borrower:
    image: busybox
    command: sleep 1000
    network_mode: service:files
    pid: service:files
    ipc: service:sharer
    volumes_from: ["files:ro"]
  sharer:
    image: busybox
    command: sleep 1000
    init: true
    ipc: shareable
    uts: host
    cpuset: "0"
    cpu_shares: 512
    mem_limit: 48m
    mem_reservation: 24m
    memswap_limit: 96m
    cpus: 0.75
    pids_limit: 60
    scale: 1
    links: ["files:filer"]
    networks: {default: {priority: 10}, back: {aliases: [backed]}}
    external_links: ["${NAME}-main:far"]
  netted:
    image: busybox
    command: sleep 1000
    init: true
    mac_address: 02:42:ac:99:00:07
    networks:
      back:
        ipv4_address: 10.253.77.9
        aliases: [inner]
        interface_name: inside0
        driver_opts: {a.b: c}
        priority: 9
networks:
  back:
    internal: true
    attachable: true
    driver: bridge
    driver_opts: {com.docker.network.driver.mtu: "1400"}
    labels: {kept: net}
    ipam:
      config:
        - subnet: 10.253.77.0/24
          gateway: 10.253.77.1
          ip_range: 10.253.77.128/25
          aux_addresses: {x: 10.253.77.5}
volumes:
  data: {labels: {kept: vol}, driver: local}
secrets: {token: {environment: TOKEN}, from_file: {file: key}}
configs: {inline: {content: "inline for $${x} ${NAME}\\n"}, from_variable: {environment: TOKEN}}
"""
FILES = {
    "base.yaml": "services:\n  base: {image: busybox, environment: {FROM_BASE: base, FROM_MAIN: lost}}\n",
    "values.env": "FROM_FILE=file\n",
    "labels.txt": "from.file=2\n",
    "key": "the key\n",
    "shared/here": "here\n",
}
# service → key → where in `inspect`, and what is there.
INSPECTED: dict[str, dict[str, tuple[str, Any]]] = {
    "main": {
        "container_name": ("Name", "/NAME-main"),
        "image": ("Config.Image", "busybox"),
        "hostname": ("Config.Hostname", "host-of-main"),
        "domainname": ("Config.Domainname", "example.org"),
        "entrypoint": ("Config.Entrypoint", ["/bin/sh", "-c"]),
        "labels": ("Config.Labels.own", "1"),
        "label_file": ("Config.Labels.from*file", "2"),
        "annotations": ("HostConfig.Annotations", {"note": "seen"}),
        "working_dir": ("Config.WorkingDir", "/tmp"),
        "user": ("Config.User", "0:33"),
        "tty": ("Config.Tty", True),
        "stdin_open": ("Config.OpenStdin", True),
        "stop_signal": ("Config.StopSignal", "SIGUSR1"),
        "stop_grace_period": ("Config.StopTimeout", 80),
        "restart": ("HostConfig.RestartPolicy", {"Name": "on-failure", "MaximumRetryCount": 4}),
        "logging": ("HostConfig.LogConfig", {"Type": "json-file", "Config": {"max-size": "1m"}}),
        "init": ("HostConfig.Init", True),
        "cgroup": ("HostConfig.CgroupnsMode", "private"),
        "userns_mode": ("HostConfig.UsernsMode", "host"),
        "device_cgroup_rules": ("HostConfig.DeviceCgroupRules", ["c 1:3 mr"]),
        "expose": ("Config.ExposedPorts.82/tcp", {}),
        "ports": ("HostConfig.PortBindings.80/tcp.0.HostIp", "127.0.0.1"),
        "ports (udp)": ("HostConfig.PortBindings.81/udp.0.HostPort", ""),
        "healthcheck": (
            "Config.Healthcheck",
            {
                "Test": ["CMD-SHELL", "true"],
                "Interval": 300_000_000,
                "Timeout": 4_000_000_000,
                "Retries": 5,
                "StartPeriod": 6_000_000_000,
                "StartInterval": 100_000_000,
            },
        ),
    },
    "limited": {
        "read_only": ("HostConfig.ReadonlyRootfs", True),
        "privileged": ("HostConfig.Privileged", True),
        "deploy": ("HostConfig.NanoCpus", 500_000_000),
        "deploy (memory)": ("HostConfig.Memory", 64 << 20),
        "deploy (reservation)": ("HostConfig.MemoryReservation", 32 << 20),
        "deploy (pids)": ("HostConfig.PidsLimit", 50),
        "deploy (restart)": ("HostConfig.RestartPolicy", {"Name": "on-failure", "MaximumRetryCount": 7}),
    },
    "sharer": {
        "ipc": ("HostConfig.IpcMode", "shareable"),
        "uts": ("HostConfig.UTSMode", "host"),
        "cpuset": ("HostConfig.CpusetCpus", "0"),
        "cpu_shares": ("HostConfig.CpuShares", 512),
        "mem_limit": ("HostConfig.Memory", 48 << 20),
        "mem_reservation": ("HostConfig.MemoryReservation", 24 << 20),
        "memswap_limit": ("HostConfig.MemorySwap", 96 << 20),
        "cpus": ("HostConfig.NanoCpus", 750_000_000),
        "pids_limit": ("HostConfig.PidsLimit", 60),
    },
    "netted": {
        "mac_address": ("NetworkSettings.Networks.NAME_back.MacAddress", "02:42:ac:99:00:07"),
        "networks": ("NetworkSettings.Networks.NAME_back.IPAddress", "10.253.77.9"),
        "networks (options)": ("NetworkSettings.Networks.NAME_back.DriverOpts.a*b", "c"),
    },
}
# service → key → a command inside, and what it says.
INSIDE: dict[str, dict[str, tuple[str, str]]] = {
    "main": {
        "environment": ("echo $FROM_MAIN", "main"),
        "extends": ("echo $FROM_BASE", "base"),
        "env_file": ("echo $FROM_FILE", "file"),
        "group_add": ("id -G", "33 44"),
        "cap_add": ("grep CapBnd /proc/self/status | cut -f2", "0000000000002001"),
        "cap_drop": ("grep CapEff /proc/self/status | cut -f2", "0000000000002001"),
        "security_opt": ("grep NoNewPrivs /proc/self/status | cut -f2", "1"),
        "sysctls": ("cat /proc/sys/net/ipv4/ip_unprivileged_port_start", "99"),
        "ulimits": ("ulimit -Sn; ulimit -Hn; ulimit -c", "111\n222\n0"),
        "shm_size": ("df -k /dev/shm | tail -1 | awk '{print $2}'", "2048"),
        "tmpfs": ("df -k /scratch | tail -1 | awk '{print $2}'", "1024"),
        "devices": ("[ -c /dev/nothing ] && echo there", "there"),
        "extra_hosts": ("grep neighbour /etc/hosts | cut -f1", "10.11.12.13"),
        "dns_search": ("grep ^search /etc/resolv.conf", "search search.example"),
        "dns_opt": ("grep -o ndots:3 /etc/resolv.conf", "ndots:3"),
        "oom_score_adj": ("cat /proc/1/oom_score_adj", "200"),
        "post_start": ("cat /said", "post"),
    },
    "limited": {"platform": ("uname -s", "Linux"), "read_only": ("touch /x 2>/dev/null || echo not", "not")},
    "files": {
        "pre_start": ("cat /data/file", "prepared"),
        "volumes": ("cat /shared/here; touch /shared/x 2>/dev/null || echo not", "here\nnot"),
        "volumes (tmpfs)": ("stat -c %a /t; df -k /t | tail -1 | awk '{print $2}'", "700\n1024"),
        "secrets": ("stat -c '%u %g %a' /tok; cat /tok /run/secrets/from_file", "7 8 440\nsecret\nthe key"),
        "configs": ("cat /etc/inline.conf; stat -c %a /from_variable", "inline for ${x} NAME\n400"),
    },
    "borrower": {
        "network_mode": ("ip -o -4 addr show eth0 | wc -l", "1"),
        "pid": ("cat /proc/1/cmdline | tr '\\0' ' ' | grep -o 'sleep 1000'", "sleep 1000"),
        "volumes_from": ("cat /data/file; touch /data/x 2>/dev/null || echo not", "prepared\nnot"),
    },
    "sharer": {
        "links": ("nslookup filer 127.0.0.11 >/dev/null && echo found", "found"),
        "external_links": ("nslookup far 127.0.0.11 >/dev/null && echo found", "found"),
        "networks (aliases)": ("nslookup inner 127.0.0.11 >/dev/null && echo found", "found"),
    },
    "netted": {
        "networks (interface)": ("cat /sys/class/net/inside0/mtu", "1400"),
        "networks (internal)": ("ip route | grep -c default", "0"),
    },
}
SINCE = {"networks (interface)": 28, "annotations": 24, "links": 23}
# What not every machine can do: key → how it is written, and where in the request it is.
ASKED: dict[str, tuple[str, str, Any]] = {
    "gpus": ("gpus: all", "DeviceRequests.0.Count", -1),
    "cgroup_parent": ("cgroup_parent: /p", "CgroupParent", "/p"),
    "cpu_quota": ("cpu_quota: 5000", "CpuQuota", 5000),
    "cpu_period": ("cpu_period: 9000", "CpuPeriod", 9000),
    "mem_swappiness": ("mem_swappiness: 0", "MemorySwappiness", 0),
    "oom_kill_disable": ("oom_kill_disable: true", "OomKillDisable", True),
    "blkio_config": ("blkio_config: {weight: 300}", "BlkioWeight", 300),
    "runtime": ("runtime: other", "Runtime", "other"),
    "storage_opt": ("storage_opt: {size: 1G}", "StorageOpt.size", "1G"),
    "dns": ("dns: [9.9.9.9]", "Dns.0", "9.9.9.9"),
}


def at(found: Any, path: str) -> Any:
    for part in path.split("."):
        found = found[int(part)] if isinstance(found, list) else found[part.replace("*", ".")]
    return found


@pytest.mark.parametrize("key", ASKED)
def test_asked_of_the_daemon(key: str, tmp_path: Path) -> None:
    line, path, value = ASKED[key]
    (tmp_path / "compose.yaml").write_text(f"services:\n  a:\n    image: busybox\n    {line}\n")
    loaded = load.load(Wanted(str(tmp_path), {}, [], "p", "", [], []), lambda text: None)
    project = model.project(select.narrowed(loaded.tree, ["a"]))
    made = container.creation(project, project.services["a"], "p-a-1", {}, {"a": ["p-a-1"]})
    assert at(made.body["HostConfig"], path) == value


def test_every_key_is_here() -> None:
    tables = [*INSPECTED.values(), *INSIDE.values(), ASKED, ELSEWHERE]
    seen = {key.partition(" (")[0] for table in tables for key in table}
    seen |= {"command", "depends_on", "scale", "pre_stop"}  # the last lines of the test below
    assert set(IMPORTANT) - seen == set()
    for place in ELSEWHERE.values():
        assert (Path(__file__).parent / place.partition(" ")[0]).exists()


@pytest.fixture
def name(tmp_path: Path) -> str:
    made = f"k{os.urandom(4).hex()}"
    for file, text in {"compose.yaml": PROJECT, **FILES}.items():
        (tmp_path / made / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / made / file).write_text(text)
    return made


def test_what_keys_do(server: Daemon | Reference, tmp_path: Path, name: str) -> None:
    client = ours({**server.environment(), "TOKEN": "secret\n", "NAME": name})

    def compose(*words: str, check: bool = True) -> Result:
        return client(
            "compose", "--project-directory", str(tmp_path / name), *words, check=check, timeout=120
        )

    major = server.major if isinstance(server, Reference) else 99
    try:
        said = compose("up", "-d", "--wait").err
        assert said.index(f"{name}-main  Healthy") < said.index(f"{name}-limited-1  Starting")
        wrong = {**inspected(client, name, major), **inside(compose, name, major)}
        assert wrong == {}
        assert len(compose("ps", "-q", "limited").out.split()) == 2
        network = json.loads(client("network", "inspect", f"{name}_back").out)[0]
        assert (network["Internal"], network["Attachable"], network["Labels"]["kept"]) == (True, True, "net")
        pool = network["IPAM"]["Config"][0]
        assert (pool["Subnet"], pool["IPRange"]) == ("10.253.77.0/24", "10.253.77.128/25")
        volume = json.loads(client("volume", "inspect", f"{name}_data").out)[0]
        assert volume["Labels"]["kept"] == "vol"
        compose("stop", "main")
        assert compose("logs", "--no-log-prefix", "main").out.split() == ["post", "pre"]
    finally:
        compose("down", "-v", "-t", "0", check=False)


BUILD = """
services:
  built:
    image: ${NAME}-image
    build:
      context: .
      dockerfile_inline: |
        FROM busybox AS first
        ARG WHO
        RUN echo $WHO >/who
        COPY --from=more here /here
        RUN --mount=type=secret,id=token cat /run/secrets/token >/token
        RUN grep builder /etc/hosts >/hosts; ulimit -n >/limit; df -k /dev/shm | tail -1 >/shm
        FROM first AS second
        RUN touch /second
      args: [WHO]
      target: first
      labels: {made: here}
      tags: ["${NAME}-image:other"]
      additional_contexts: {more: ./shared}
      secrets: [token]
      extra_hosts: ["builder:10.1.2.3"]
      ulimits: {nofile: 123}
      shm_size: 3m
      network: none
      no_cache: true
      cache_from: [busybox]
      cache_to: ["type=local,dest=${KEPT}"]
      platforms: [linux/amd64]
      ssh: []
    pull_policy: build
    command: sh -c 'cat /who /here /token /hosts /limit; ls /second 2>/dev/null; grep -o 3072 /shm'
secrets: {token: {file: key}}
"""


@pytest.mark.ours("the context is read by the daemon")
def test_what_keys_of_a_build_do(server: Daemon, tmp_path: Path, name: str) -> None:
    kept = tmp_path / "kept"
    client = ours({**server.environment(), "WHO": "me", "NAME": name, "KEPT": str(kept)})
    (tmp_path / name / "compose.yaml").write_text(BUILD.replace("linux/amd64", f"linux/{machine()}"))
    project = ("compose", "--project-directory", str(tmp_path / name))
    try:
        said = client(*project, "up", "--no-log-prefix", timeout=120).out.splitlines()
        assert said[0].startswith("me")
        assert [" ".join(line.split()) for line in said[1:6]] == [
            "here",
            "the key",
            "10.1.2.3 builder",
            "123",
            "3072",
        ]
        found = json.loads(client("inspect", f"{name}-image").out)[0]
        assert found["Config"]["Labels"]["made"] == "here"
        assert set(found["RepoTags"]) == {f"{name}-image:latest", f"{name}-image:other"}
        assert (kept / "index.json").exists()
    finally:
        client(*project, "down", "-t", "0", check=False)
        client("rmi", "-f", f"{name}-image", f"{name}-image:other", check=False)
        client("builder", "prune", "-af")


def machine() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]


def inspected(client: Client, name: str, major: int) -> dict[str, Any]:
    """Keys whose effect is not what the table says."""
    wrong = {}
    names = {service: f"{name}-main" if service == "main" else f"{name}-{service}-1" for service in INSPECTED}
    found = json.loads(client("inspect", *names.values()).out)
    for service, whole in zip(INSPECTED, found, strict=True):
        for key, (path, value) in INSPECTED[service].items():
            expected = value.replace("NAME", name) if isinstance(value, str) else value
            seen = at(whole, path.replace("NAME", name)) if SINCE.get(key, 0) <= major else expected
            if seen != expected:
                wrong[f"{service}: {key}"] = seen
    return wrong


def inside(compose: Compose, name: str, major: int) -> dict[str, Any]:
    """One exec for each service: the commands' output, apart by a line that none of them says."""
    wrong = {}
    for service, table in INSIDE.items():
        lines = [f"{{ {command}; }} 2>&1; echo =====" for command, _ in table.values()]
        said = compose("exec", "-T", service, "sh", "-c", "\n".join(lines)).out.split("=====\n")
        for (key, (_, value)), seen in zip(table.items(), said, strict=False):
            expected = value.replace("NAME", name)
            if SINCE.get(key, 0) <= major and seen.strip() != expected:
                wrong[f"{service}: {key}"] = seen
    return wrong
