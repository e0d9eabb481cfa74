"""The project as manifests, and a line for each thing that is not in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sampan.compose.kubernetes import names, storage, workloads
from sampan.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable

    from sampan.compose.model import Project, Service

_TRANSLATED = (  # keys of a service
    "annotations", "build", "cap_add", "cap_drop", "command", "configs", "container_name", "cpus",
    "depends_on", "deploy", "dns", "dns_opt", "dns_search", "domainname", "entrypoint", "environment",
    "expose", "extra_hosts", "gpus", "group_add", "healthcheck", "hostname", "image", "ipc", "labels",
    "mem_limit", "mem_reservation", "network_mode", "networks", "pid", "platform", "ports", "post_start",
    "pre_start", "pre_stop", "privileged", "profiles", "pull_policy", "read_only", "restart", "runtime",
    "scale", "secrets", "security_opt", "shm_size", "stdin_open", "stop_grace_period", "sysctls", "tmpfs",
    "tty", "user", "volumes", "working_dir",
)  # fmt: skip
_IRRELEVANT = ("attach", "develop", "env_file", "label_file", "init")  # of one's own machine
_DEPLOY = ("labels", "mode", "replicas", "resources", "restart_policy")
_SHARED = ("host", "", "private", "shareable", "none", "bridge", "default")


@dataclass(frozen=True, slots=True)
class Converted:
    manifests: list[dict[str, Any]]
    warnings: list[str]


def convert(project: Project, tree: dict[str, Any]) -> Converted:
    """`tree`: the same project as plain data, for what the types do not have."""
    warnings: dict[str, None] = {}

    def say(where: str, what: str) -> None:
        warnings[f"{where}: {what}"] = None

    _check_names(project)
    for name, said in tree.get("services", {}).items():
        _untranslated(name, said, project.services[name], say)
    _networks(project, say)
    found = storage.manifests(project, _users(project), say)
    for _, service in sorted(project.services.items()):
        found += workloads.services(project, service, say)
        found.append(workloads.workload(project, service, say))
    return Converted(found, list(warnings))


def _check_names(project: Project) -> None:
    for group in (project.services, project.volumes, project.configs, project.secrets):
        taken: dict[str, str] = {}
        for name in group:
            other = taken.setdefault(names.dns(name), name)
            if other != name:
                raise InvalidArgument(
                    f"{other} and {name} are both {names.dns(name)} in Kubernetes: rename one"
                )


def _users(project: Project) -> dict[str, list[Service]]:
    found: dict[str, list[Service]] = {}
    for service in project.services.values():
        for mount in service.volumes:
            if mount.type == "volume" and mount.source and service not in found.get(mount.source, ()):
                found.setdefault(mount.source, []).append(service)
    return found


def _untranslated(name: str, said: dict[str, Any], service: Service, say: Callable[[str, str], None]) -> None:
    for key, value in said.items():
        known = key in _TRANSLATED or key in _IRRELEVANT or key.startswith("x-")
        if not known and value not in (None, "", [], {}, False):
            say(f"services.{name}.{key}", "has no counterpart, and is left out")
    for key in ("network_mode", "pid", "ipc"):
        mode = getattr(service, key) or ""
        if mode not in _SHARED:
            say(f"services.{name}.{key}", f"{mode}: only the containers of one pod share")
    if service.container_name:
        say(f"services.{name}.container_name", "pods have names of their own")
    for key in said.get("deploy") or ():
        if key not in _DEPLOY:
            say(f"services.{name}.deploy.{key}", "has no counterpart, and is left out")


def _networks(project: Project, say: Callable[[str, str], None]) -> None:
    used = {key for service in project.services.values() for key in service.networks}
    if len(used) > 1:
        say("networks", f"{', '.join(sorted(used))}: pods reach each other without NetworkPolicies")
    for key in sorted(used):
        network = project.networks[key]
        if network.internal:
            say(f"networks.{key}.internal", "takes a NetworkPolicy")
    for service in project.services.values():
        for key, endpoint in service.networks.items():
            if endpoint is not None and (endpoint.ipv4_address or endpoint.ipv6_address):
                say(f"services.{service.name}.networks.{key}", "fixed addresses are left out")
