"""What runs a service's pods, and the Services by which others find them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampan.compose.kubernetes import names, pods, storage

if TYPE_CHECKING:
    from sampan.compose.kubernetes.storage import Say
    from sampan.compose.model import Port, Project, Service

_NAME, _PART_OF = "app.kubernetes.io/name", "app.kubernetes.io/part-of"


def labels(project: Project, service: Service) -> dict[str, str]:
    return {_NAME: names.dns(service.name), _PART_OF: names.dns(project.name)}


def is_job(project: Project, service: Service) -> bool:
    """Somebody waits for its end, or it is called one."""
    mode = service.deploy.mode if service.deploy is not None else ""
    waited = any(
        how.condition == "service_completed_successfully"
        for other in project.services.values()
        for name, how in other.depends_on.items()
        if name == service.name
    )
    return waited or mode.endswith("-job")


def workload(project: Project, service: Service, say: Say) -> dict[str, Any]:
    """A Job, a DaemonSet (`deploy.mode: global`) or a Deployment."""
    found = storage.of_service(project, service, say)
    pod = pods.spec(found)
    given = {**service.labels, **service.annotations}
    template = {
        "metadata": {"labels": labels(project, service), **({"annotations": given} if given else {})},
        "spec": pod,
    }
    metadata: dict[str, Any] = {"name": names.dns(service.name), "labels": labels(project, service)}
    if service.deploy is not None and service.deploy.labels:
        metadata["annotations"] = dict(service.deploy.labels)
    if is_job(project, service):
        return _job(service, metadata, template)
    _tell_restart(service, say)
    spec: dict[str, Any]
    selector = {"matchLabels": labels(project, service)}
    if service.deploy is not None and service.deploy.mode == "global":
        spec = {"selector": selector, "template": template}
        return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": spec}
    spec = {"replicas": service.copies, "selector": selector, "template": template}
    if found.claims:  # the old pod has to let go of its volume before the new one can have it
        spec = {"strategy": {"type": "Recreate"}, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def _job(service: Service, metadata: dict[str, Any], template: dict[str, Any]) -> dict[str, Any]:
    policy, _, count = _policy(service)
    template["spec"]["restartPolicy"] = "OnFailure" if policy == "on-failure" else "Never"
    spec: dict[str, Any] = {"template": template}
    if service.copies != 1:
        spec |= {"completions": service.copies, "parallelism": service.copies}
    if count.isdigit():
        spec["backoffLimit"] = int(count)
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def _policy(service: Service) -> tuple[str, str, str]:
    said = service.deploy.restart_policy if service.deploy is not None else None
    if not service.restart and said is not None:
        return said.condition, ":", str(said.max_attempts or "")
    return service.restart.partition(":")


def _tell_restart(service: Service, say: Say) -> None:
    policy = _policy(service)[0]
    if policy in ("no", "none", "on-failure"):
        say(f"services.{service.name}.restart", f"{policy}: a Deployment starts its pods again in any case")


# Services


def services(project: Project, service: Service, say: Say) -> list[dict[str, Any]]:
    """One by its own name, one for each alias, and one for what is published."""
    if is_job(project, service):
        return []
    aliases = {
        alias: None
        for endpoint in service.networks.values()
        for alias in (endpoint.aliases if endpoint is not None else ())
        if names.dns(alias) not in {names.dns(name) for name in project.services}
    }
    listening = [
        {"name": names.port(number, protocol), "port": number, "protocol": protocol.upper()}
        for number, protocol in pods.ports(service)
    ]
    found = [_service(project, service, names.dns(name), listening) for name in (service.name, *aliases)]
    published = _published(service, say)
    if published:
        name = f"{names.dns(service.name)[:53].rstrip('-')}-published"
        outside = _service(project, service, name, published)
        outside["spec"]["type"] = "LoadBalancer"
        found.append(outside)
    return found


def _service(
    project: Project, service: Service, name: str, listening: list[dict[str, Any]]
) -> dict[str, Any]:
    spec: dict[str, Any] = {"selector": labels(project, service)}
    if listening:
        spec["ports"] = listening
    else:
        spec["clusterIP"] = "None"  # a name that leads to the pods
    metadata = {"name": name, "labels": labels(project, service)}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _published(service: Service, say: Say) -> list[dict[str, Any]]:
    found: dict[tuple[int, str], dict[str, Any]] = {}
    for index, port in enumerate(service.ports):
        where = f"services.{service.name}.ports.{index}"
        if port.host_ip.startswith("127.") or port.host_ip == "::1":
            say(where, f"published on {port.host_ip} only, which no cluster has: it is not published")
            continue
        number = _number(port)
        if not number:
            continue
        found[number, port.protocol] = {
            "name": names.port(number, port.protocol),
            "port": number,
            "targetPort": port.target,
            "protocol": port.protocol.upper(),
        }
    return list(found.values())


def _number(port: Port) -> int:
    """The port outside; 0: any, so nobody can know it."""
    first = port.published.partition("-")[0]
    return int(first) if first.isdigit() else 0
