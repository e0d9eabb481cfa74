"""A service as a pod: its containers, what they may do, and what runs before them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampan.compose import quantities
from sampan.compose.kubernetes import names, probes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampan.compose.kubernetes.storage import Say, Storage
    from sampan.compose.model import PreStart, Project, Service

_PULL = {"always": "Always", "never": "Never", "missing": "IfNotPresent", "build": "IfNotPresent"}
_WAITER = "busybox:stable"  # has an nc that tries a port
_NO_NEW = ("no-new-privileges", "no-new-privileges:true", "no-new-privileges=true")


def spec(found: Storage) -> dict[str, Any]:
    """The PodSpec, but for restartPolicy."""
    project, service, say = found.project, found.service, found.say
    pod: dict[str, Any] = {}
    first = [*_waits(project, service, say), *_steps(found)]
    if first:
        pod["initContainers"] = first
    pod["containers"] = [_container(found)]
    if found.volumes:
        pod["volumes"] = list(found.volumes.values())
    for key, value in (
        ("hostname", names.dns(service.hostname) if service.hostname else ""),
        ("subdomain", names.dns(service.domainname) if service.domainname else ""),
        ("hostNetwork", service.network_mode == "host"),
        ("hostPID", service.pid == "host"),
        ("hostIPC", service.ipc == "host"),
        ("runtimeClassName", names.dns(service.runtime) if service.runtime else ""),
        ("terminationGracePeriodSeconds", _grace(service)),
        ("nodeSelector", _platform(service)),
        ("dnsConfig", _resolver(service)),
        ("hostAliases", _hosts(service, say)),
        ("securityContext", _pod_security(service, say)),
    ):
        if value:
            pod[key] = value
    return pod


def _grace(service: Service) -> int:
    text = service.stop_grace_period
    return names.seconds(quantities.duration(text)) if text else 10  # Docker's; Kubernetes waits for 30


def _platform(service: Service) -> dict[str, str]:
    system, _, machine = service.platform.partition("/")
    if not system:
        return {}
    found = {"kubernetes.io/os": system}
    return {**found, "kubernetes.io/arch": machine.partition("/")[0]} if machine else found


def _resolver(service: Service) -> dict[str, Any]:
    options = []
    for word in service.dns_opt:
        name, colon, value = word.partition(":")
        options.append({"name": name, "value": value} if colon else {"name": name})
    found: dict[str, Any] = {
        "nameservers": service.dns,
        "searches": service.dns_search,
        "options": options,
    }
    return {key: value for key, value in found.items() if value}


def _hosts(service: Service, say: Say) -> list[dict[str, Any]]:
    found: dict[str, list[str]] = {}
    for name, addresses in service.extra_hosts.items():
        for address in addresses:
            if address == "host-gateway":
                say(f"services.{service.name}.extra_hosts.{name}", "there is no host-gateway")
            else:
                found.setdefault(address, []).append(name)
    return [{"ip": address, "hostnames": hosts} for address, hosts in found.items()]


def _pod_security(service: Service, say: Say) -> dict[str, Any]:
    found: dict[str, Any] = {}
    groups = [int(group) for group in service.group_add if group.isdigit()]
    if len(groups) < len(service.group_add):
        say(f"services.{service.name}.group_add", "groups have to be numbers")
    if groups:
        found["supplementalGroups"] = groups
    if service.sysctls:
        found["sysctls"] = [{"name": name, "value": value} for name, value in service.sysctls.items()]
    return found


# Containers


def _container(found: Storage) -> dict[str, Any]:
    service, say = found.service, found.say
    container: dict[str, Any] = {
        "name": names.dns(service.name),
        "image": _image(found),
    }
    for key, value in (
        ("imagePullPolicy", _PULL.get(service.pull_policy, "")),
        ("command", [names.literal(word) for word in service.entrypoint or ()]),
        ("args", [names.literal(word) for word in service.command or ()]),
        ("workingDir", service.working_dir),
        ("env", _environment(service.environment)),
        ("ports", [_port(number, protocol) for number, protocol in ports(service)]),
        ("resources", _resources(service)),
        ("securityContext", _security(service, service.user, say, privileged=service.privileged)),
        ("volumeMounts", found.mounts),
        ("lifecycle", probes.lifecycle(service, say)),
        ("stdin", service.stdin_open),
        ("tty", service.tty),
    ):
        if value:
            container[key] = value
    return {**container, **probes.of_service(service, say)}


def _image(found: Storage) -> str:
    service = found.service
    image = found.project.image_of(service)
    if service.build is not None:
        found.say(
            f"services.{service.name}.build", f"build {image} and push it to where the nodes can pull it"
        )
    return image


def _environment(said: Mapping[str, str | None]) -> list[dict[str, str]]:
    return [
        {"name": name, "value": names.literal(value)} for name, value in said.items() if value is not None
    ]


def _port(number: int, protocol: str) -> dict[str, Any]:
    name = names.port(number, protocol)
    return {"name": name, "containerPort": number, "protocol": protocol.upper()}


def ports(service: Service) -> list[tuple[int, str]]:
    """What it listens to: ports and expose, each once."""
    found: dict[tuple[int, str], None] = {}
    for port in service.ports:
        found[port.target, port.protocol] = None
    for text in service.expose:
        numbers, _, protocol = text.partition("/")
        first, _, last = numbers.partition("-")
        for number in range(int(first), int(last or first) + 1):
            found[number, protocol or "tcp"] = None
    return list(found)


def _resources(service: Service) -> dict[str, Any]:
    deploy = service.deploy.resources if service.deploy is not None else None
    limits = {
        "cpu": names.cpus(service.cpus or (deploy.limits.cpus if deploy else 0)),
        "memory": _memory(service.mem_limit, deploy.limits.memory if deploy else ""),
    }
    requests = {
        "cpu": names.cpus(deploy.reservations.cpus if deploy else 0),
        "memory": _memory(service.mem_reservation, deploy.reservations.memory if deploy else ""),
    }
    devices = [*service.gpus, *(deploy.reservations.devices if deploy else ())]
    gpus = sum(max(1, device.count or len(device.device_ids)) for device in devices)
    if gpus:
        limits["nvidia.com/gpu"] = str(gpus)
    parts = {"limits": limits, "requests": requests}
    found = {
        key: {name: value for name, value in part.items() if value not in ("", "0")}
        for key, part in parts.items()
    }
    return {key: part for key, part in found.items() if part}


def _memory(*texts: str) -> str:
    said = next((text for text in texts if text and text != "-1"), "")
    return names.size(int(said)) if said else ""


def _security(service: Service, user: str, say: Say, *, privileged: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"privileged": True} if privileged else {}
    if service.read_only:
        found["readOnlyRootFilesystem"] = True
    capabilities = {
        key: [word.upper().removeprefix("CAP_") for word in words]
        for key, words in (("add", service.cap_add), ("drop", service.cap_drop))
        if words
    }
    if capabilities:
        found["capabilities"] = capabilities
    name, _, group = user.partition(":")
    for key, value in (("runAsUser", name), ("runAsGroup", group)):
        if value.isdigit():
            found[key] = int(value)
        elif value:
            say(f"services.{service.name}.user", f"{value}: users and groups have to be numbers")
    for option in service.security_opt:
        if option in _NO_NEW:
            found["allowPrivilegeEscalation"] = False
        elif option in ("seccomp:unconfined", "seccomp=unconfined"):
            found["seccompProfile"] = {"type": "Unconfined"}
        elif option in ("apparmor:unconfined", "apparmor=unconfined"):
            found["appArmorProfile"] = {"type": "Unconfined"}
        else:
            say(f"services.{service.name}.security_opt", f"{option} is not translated")
    return found


# What runs before


def _steps(found: Storage) -> list[dict[str, Any]]:
    """`pre_start`."""
    service = found.service
    if service.pre_start and service.copies > 1:
        found.say(f"services.{service.name}.pre_start", "runs in each pod, not once for the service")
    return [_init(f"pre-start-{index}", found, step) for index, step in enumerate(service.pre_start)]


def _init(name: str, found: Storage, step: PreStart) -> dict[str, Any]:
    service = found.service
    container: dict[str, Any] = {
        "name": name,
        "image": step.image or found.project.image_of(service),
        "args": [names.literal(word) for word in step.command],
    }
    for key, value in (
        ("workingDir", step.working_dir),
        ("env", _environment({**service.environment, **step.environment})),
        ("securityContext", _security(service, step.user, found.say, privileged=step.privileged)),
        ("volumeMounts", found.mounts),
    ):
        if value:
            container[key] = value
    return container


def _waits(project: Project, service: Service, say: Say) -> list[dict[str, Any]]:
    """One container for each service that has to be healthy: its Service has an address to connect to only
    when a pod of it is ready."""
    found = []
    for name, how in sorted(service.depends_on.items()):
        where = f"services.{service.name}.depends_on.{name}"
        other = project.services.get(name)
        if how.condition == "service_completed_successfully":
            say(where, "is a Job: nothing waits for its end, so what needs it has to try again")
        if how.condition != "service_healthy" or other is None:
            continue
        listening = [number for number, protocol in ports(other) if protocol == "tcp"]
        if not listening:
            say(where, f"{name} has no port, so its health cannot be waited for")
            continue
        line = f"until nc -z -w 2 {names.dns(name)} {listening[0]}; do sleep 1; done"
        waiter = {"name": f"wait-for-{names.dns(name)}"[:63].rstrip("-"), "image": _WAITER}
        found.append({**waiter, "command": ["/bin/sh", "-c", line]})
    return found
