"""Every key of the compose specification, and what it may hold."""

from __future__ import annotations

from typing import Any

from sampan.compose import shortforms
from sampan.compose.kinds import (
    Anything,
    Choice,
    Duration,
    File,
    Flag,
    Kind,
    List,
    Loose,
    Map,
    Null,
    Number,
    Object,
    Pairs,
    Short,
    Size,
    Text,
    Whole,
    by_value,
    named,
    words,
)
from sampan.compose.specials import (
    Address,
    Command,
    Contexts,
    Driven,
    Expose,
    Logging,
    Mount,
    Test,
    port_key,
    single_limit,
    target_of,
)

NAME = r"[a-zA-Z0-9._-]+"
_PULL = r"always|never|build|if_not_present|missing|refresh|daily|weekly|every_([0-9]+[wdhms])+"
_RESTART = r"|no|always|unless-stopped|on-failure(:\d+)?"
_in: Any = shortforms.in_mapping


_MODE = Short(Whole(0, 0o7777), shortforms.file_mode)
_WHOLE = Whole()
_LABELS = Pairs()
_OPTIONS = Map(Loose())
_EXTRA_HOSTS = Short(Map(List(Text(), key=by_value)), shortforms.extra_hosts)
_ULIMITS = Map(
    Short(
        Object({"soft": Whole(-1), "hard": Whole(-1)}, required=("soft", "hard")),
        single_limit,
    ),
    r"[a-z]+",
)
_GRANT = List(
    Short(
        Object({"source": Text(), "target": Text(), "uid": Text(), "gid": Text(), "mode": _MODE}),
        _in("source"),
    ),
    key=target_of,
)
_HOOK_KEYS: dict[str, Kind] = {
    "command": Command(),
    "user": Text(),
    "privileged": Flag(),
    "working_dir": Text(),
    "environment": Pairs(empty=False),
}
HOOK = Object(_HOOK_KEYS, required=("command",))
PRE_START = Object({**_HOOK_KEYS, "image": Text(), "per_replica": Flag()}, required=("command",))
_DEVICE_KEYS: dict[str, Kind] = {
    "capabilities": words(),
    "count": Short(_WHOLE, shortforms.count),
    "device_ids": words(),
    "driver": Text(),
    "options": Pairs(),
}
_RATES = List(Object({"path": Text(), "rate": Size()}, extensions=False), key=named("path"))
_WEIGHTS = List(Object({"path": Text(), "weight": _WHOLE}, extensions=False), key=named("path"))


BUILD = Object(
    {
        "additional_contexts": Contexts(),
        "args": Pairs(empty=False),
        "cache_from": List(Text(), key=by_value),
        "cache_to": List(Text(), key=by_value),
        "context": File(urls=True),
        "dockerfile": Text(),
        "dockerfile_inline": Text(),
        "entitlements": List(Text(), key=by_value),
        "extra_hosts": _EXTRA_HOSTS,
        "isolation": Text(),
        "labels": _LABELS,
        "network": Text(),
        "no_cache": Flag(),
        "platforms": List(Text(), key=by_value),
        "privileged": Flag(),
        "provenance": Loose(),
        "pull": Flag(),
        "sbom": Loose(),
        "secrets": _GRANT,
        "shm_size": Size(),
        "ssh": Pairs(),
        "tags": List(Text(), key=by_value),
        "target": Text(),
        "ulimits": _ULIMITS,
    }
)
HEALTHCHECK = Object(
    {
        "disable": Flag(),
        "interval": Duration(),
        "retries": Whole(0),
        "start_interval": Duration(),
        "start_period": Duration(),
        "test": Test(),
        "timeout": Duration(),
    }
)
_UPDATE = Object(
    {
        "delay": Duration(),
        "failure_action": Text(),
        "max_failure_ratio": Number(),
        "monitor": Duration(),
        "order": Choice("start-first", "stop-first"),
        "parallelism": _WHOLE,
    }
)
_LIMIT_KEYS: dict[str, Kind] = {"cpus": Number(), "memory": Size()}
_GENERIC = Object({"kind": Text(), "value": Number()})
DEPLOY = Object(
    {
        "endpoint_mode": Text(),
        "labels": _LABELS,
        "mode": Text(),
        "placement": Object(
            {
                "constraints": List(Text(), key=by_value),
                "max_replicas_per_node": _WHOLE,
                "preferences": List(Object({"spread": Text()})),
            }
        ),
        "replicas": Whole(0),
        "resources": Object(
            {
                "limits": Object({**_LIMIT_KEYS, "pids": _WHOLE}),
                "reservations": Object(
                    {
                        **_LIMIT_KEYS,
                        "devices": List(Object(_DEVICE_KEYS, required=("capabilities",))),
                        "generic_resources": List(Object({"discrete_resource_spec": _GENERIC})),
                    }
                ),
            }
        ),
        "restart_policy": Object(
            {"condition": Text(), "delay": Duration(), "max_attempts": _WHOLE, "window": Duration()}
        ),
        "rollback_config": _UPDATE,
        "update_config": _UPDATE,
    }
)
_WATCH = Object(
    {
        "action": Choice("rebuild", "sync", "restart", "sync+restart", "sync+exec"),
        "exec": HOOK,
        "ignore": words(single=True),
        "include": words(single=True),
        "initial_sync": Flag(),
        "path": File(),
        "target": Text(),
    },
    required=("path", "action"),
)
_ENDPOINT = Object(
    {
        "aliases": words(),
        "driver_opts": _OPTIONS,
        "gw_priority": Number(),
        "interface_name": Text(),
        "ipv4_address": Address(4),
        "ipv6_address": Address(6),
        "link_local_ips": words(),
        "mac_address": Text(),
        "priority": Number(),
    }
)
_PORT = Object(
    {
        "app_protocol": Text(),
        "host_ip": Text(),
        "mode": Text(),
        "name": Text(),
        "protocol": Text(),
        "published": Loose(),
        "target": Whole(0, 65535),
    },
    required=("target",),
)
MOUNT = Mount(
    {
        "bind": Object(
            {
                "create_host_path": Flag(),
                "propagation": Text(),
                "recursive": Choice("enabled", "disabled", "writable", "readonly"),
                "selinux": Choice("z", "Z"),
            }
        ),
        "consistency": Text(),
        "image": Object({"subpath": Text()}),
        "read_only": Flag(),
        "source": Text(),
        "target": Text(),
        "tmpfs": Object({"mode": _MODE, "size": Size()}),
        "type": Choice("bind", "volume", "tmpfs", "cluster", "npipe", "image"),
        "volume": Object({"labels": _LABELS, "nocopy": Flag(), "subpath": Text()}),
    },
    required=("type",),
)
_DEPENDENCY = Object(
    {
        "condition": Choice("service_started", "service_healthy", "service_completed_successfully"),
        "required": Flag(),
        "restart": Flag(),
    },
    required=("condition",),
)
_ENV_FILE = Object(
    {"format": Text(), "path": File(), "required": Flag()}, required=("path",), extensions=False
)
_DEVICE = Object({"permissions": Text(), "source": Text(), "target": Text()}, required=("source",))

SERVICE = Object(
    {
        "annotations": _LABELS,
        "attach": Flag(),
        "blkio_config": Object(
            {
                "device_read_bps": _RATES,
                "device_read_iops": _RATES,
                "device_write_bps": _RATES,
                "device_write_iops": _RATES,
                "weight": _WHOLE,
                "weight_device": _WEIGHTS,
            },
            extensions=False,
        ),
        "build": Short(BUILD, _in("context")),
        "cap_add": words(),
        "cap_drop": words(),
        "cgroup": Choice("host", "private"),
        "cgroup_parent": Text(),
        "command": Command(),
        "configs": _GRANT,
        "container_name": Text(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", '"web-1"'),
        "cpu_count": Whole(0),
        "cpu_percent": Number(),
        "cpu_period": Whole(0),
        "cpu_quota": _WHOLE,
        "cpu_rt_period": _WHOLE,
        "cpu_rt_runtime": _WHOLE,
        "cpu_shares": _WHOLE,
        "cpus": Number(),
        "cpuset": Text(),
        "credential_spec": Object({"config": Text(), "file": File(), "registry": Text()}),
        "depends_on": Short(Map(_DEPENDENCY, NAME), shortforms.depends_on),
        "deploy": Null(DEPLOY),
        "develop": Null(Object({"watch": List(_WATCH, key=named("path"))})),
        "device_cgroup_rules": words(),
        "devices": List(Short(_DEVICE, shortforms.device), key=named("target")),
        "dns": words(single=True),
        "dns_opt": words(),
        "dns_search": words(single=True),
        "domainname": Text(),
        "entrypoint": Command(),
        "env_file": List(Short(_ENV_FILE, _in("path")), single=True, key=named("path")),
        "environment": Pairs(empty=False),
        "expose": List(Expose(), key=by_value, unique=True),
        "extends": Short(
            Object({"file": File(), "service": Text()}, required=("service",), extensions=False),
            _in("service"),
        ),
        "external_links": words(),
        "extra_hosts": _EXTRA_HOSTS,
        "gpus": Short(List(Short(Object(_DEVICE_KEYS), shortforms.gpu_request)), shortforms.gpus),
        "group_add": List(Loose(), key=by_value, unique=True),
        "healthcheck": HEALTHCHECK,
        "hostname": Text(),
        "image": Text(),
        "init": Flag(),
        "ipc": Text(),
        "isolation": Text(),
        "label_file": List(File(), single=True, key=by_value),
        "labels": _LABELS,
        "links": words(),
        "logging": Logging({"driver": Text(), "options": Map(Loose(null=True))}),
        "mac_address": Text(),
        "mem_limit": Size(),
        "mem_reservation": Size(),
        "mem_swappiness": _WHOLE,
        "memswap_limit": Size(),
        "models": Short(
            Map(Null(Object({"endpoint_var": Text(), "model_var": Text()})), NAME), shortforms.names
        ),
        "network_mode": Text(),
        "networks": Short(Map(Null(_ENDPOINT), NAME), shortforms.names),
        "oom_kill_disable": Flag(),
        "oom_score_adj": Whole(-1000, 1000),
        "pid": Null(Text()),
        "pids_limit": _WHOLE,
        "platform": Text(),
        "ports": Short(List(_PORT, key=port_key), shortforms.ports),
        "post_start": List(HOOK),
        "pre_start": List(PRE_START),
        "pre_stop": List(HOOK),
        "privileged": Flag(),
        "profiles": words(),
        "provider": Object({"options": Anything(), "type": Text()}, required=("type",)),
        "pull_policy": Text(_PULL, '"always", "missing" or "never"'),
        "pull_refresh_after": Duration(),
        "read_only": Flag(),
        "restart": Text(_RESTART, '"no", "always", "unless-stopped" or "on-failure:3"'),
        "runtime": Text(),
        "scale": Whole(0),
        "secrets": _GRANT,
        "security_opt": words(),
        "shm_size": Size(),
        "stdin_open": Flag(),
        "stop_grace_period": Duration(),
        "stop_signal": Text(),
        "storage_opt": _OPTIONS,
        "sysctls": Pairs(),
        "tmpfs": words(single=True),
        "tty": Flag(),
        "ulimits": _ULIMITS,
        "use_api_socket": Flag(),
        "user": Text(),
        "userns_mode": Text(),
        "uts": Text(),
        "volumes": List(Short(MOUNT, shortforms.volume), key=named("target")),
        "volumes_from": words(),
        "working_dir": Text(),
    }
)
_POOL = Object(
    {"aux_addresses": Map(Text()), "gateway": Text(), "ip_range": Text(), "subnet": Text()},
)
NETWORK = Object(
    {
        "attachable": Flag(),
        "driver": Text(),
        "driver_opts": _OPTIONS,
        "enable_ipv4": Flag(),
        "enable_ipv6": Flag(),
        "external": Flag(),
        "internal": Flag(),
        "ipam": Object(
            {"config": List(_POOL, key=named("subnet")), "driver": Text(), "options": Map(Text())}
        ),
        "labels": _LABELS,
        "name": Text(),
    }
)
VOLUME = Driven(
    {"driver": Text(), "driver_opts": _OPTIONS, "external": Flag(), "labels": _LABELS, "name": Text()}
)
_STORED: dict[str, Kind] = {
    "environment": Text(),
    "external": Flag(),
    "file": File(),
    "labels": _LABELS,
    "name": Text(),
    "template_driver": Text(),
}
SECRET = Object({**_STORED, "driver": Text(), "driver_opts": _OPTIONS})
CONFIG = Object({**_STORED, "content": Text()})
MODEL = Object(
    {
        "context_size": _WHOLE,
        "model": Text(),
        "name": Text(),
        "runtime_flags": List(Text()),
    },
    required=("model",),
)
INCLUDE = Object(
    {
        "env_file": List(File(), single=True),
        "path": List(File(urls=True), single=True),
        "project_directory": File(),
    },
    extensions=False,
)
PROJECT = Object(
    {
        "configs": Map(Short(CONFIG, shortforms.external), NAME),
        "include": List(Short(INCLUDE, _in("path", listed=True))),
        "models": Map(MODEL, NAME),
        "name": Text(),
        "networks": Map(Null(Short(NETWORK, shortforms.external)), NAME),
        "secrets": Map(Short(SECRET, shortforms.external), NAME),
        "services": Map(SERVICE, NAME),
        "version": Loose(),
        "volumes": Map(Null(Short(VOLUME, shortforms.external)), NAME),
    }
)
