"""Pulls and builds of a project's images."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.compose import progress
from sampan.cli.image import build, build_context, pulling
from sampan.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampan.cli.flags import Values
    from sampan.cli.session import Session
    from sampan.compose.apply import Report
    from sampan.compose.model import Build, Project, Service


def pull(session: Session, image: str, say: Report, *, platform: str = "", quiet: bool = False) -> None:
    say("Image", image, "Pulling")
    progress.settle(session)
    shown = None if quiet or session.group["progress"] == "quiet" else console.STDERR
    platform = platform or console.environment("DOCKER_DEFAULT_PLATFORM")
    pulling.pull(session, image, platform=platform, descriptor=shown)
    say("Image", image, "Pulled")


def push(session: Session, image: str, *, quiet: bool = False) -> None:
    from sampan.cli.image import pushing, reference

    progress.settle(session)
    name = reference.parse(image)
    silent = quiet or session.group["progress"] == "quiet"
    pushing.push(session, name, name.tag or "latest", descriptor=None if silent else console.STDERR)


def make(
    session: Session,
    project: Project,
    service: Service,
    *,
    given: dict[str, object] | None = None,
    arguments: Sequence[str] = (),
) -> str:
    """Build a service's image: its ID. `given`: flags of `build` by name, over what the file says."""
    if service.build is None:
        raise TypeError(f"{service.name} is not built")
    progress.settle(session)
    options = _options(project, service, service.build)
    options["progress"] = _build_progress(session)
    options["quiet"] = options["progress"] == "quiet"
    options.update(given or {})
    options["build-arg"] += arguments
    context = build_context.prepare(session, options, service.build.context)
    if service.build.dockerfile_inline:
        context.text, context.dockerfile = service.build.dockerfile_inline, ""
    if (session.client.call("GET", "/version").get("Platform") or {}).get("Name") != "sampan":
        from sampan.cli.compose import elsewhere

        return elsewhere.build(session, options, context)
    return str(build.run(session, options, context)["ID"])


def _build_progress(session: Session) -> str:
    """As the project's own is shown, where a build knows that manner."""
    style = str(session.group["progress"])
    if style == "auto" and session.group["ansi"] == "never":
        return "plain"
    return {"json": "rawjson"}.get(style, style)


def _options(project: Project, service: Service, said: Build) -> Values:
    from sampan.cli.flags import Values

    options = Values(build.FLAGS)
    options["tag"] = [project.image_of(service), *said.tags]
    options["file"] = _dockerfile(said)
    options["build-arg"] = [name if value is None else f"{name}={value}" for name, value in said.args.items()]
    options["label"] = [f"{name}={value}" for name, value in said.labels.items()]
    options["target"] = said.target
    options["no-cache"] = said.no_cache
    options["pull"] = said.pull
    options["network"] = said.network or "default"
    options["shm-size"] = int(said.shm_size or 0)
    options["cache-from"] = list(said.cache_from)
    options["cache-to"] = list(said.cache_to)
    options["platform"] = service.platform or (said.platforms[0] if said.platforms else "")
    options["add-host"] = [f"{host}:{ip}" for host, found in said.extra_hosts.items() for ip in found]
    options["ulimit"] = [
        {"Name": name, "Soft": limit.soft, "Hard": limit.hard} for name, limit in said.ulimits.items()
    ]
    options["build-context"] = [
        f"{name}={_place(project, place)}" for name, place in said.additional_contexts.items()
    ]
    options["ssh"] = [f"{name}={path}" if path else name for name, path in said.ssh.items()]
    privileged = ["security.insecure"] if said.privileged else []
    options["allow"] = [*said.entitlements, *privileged]
    options["secret"] = [_secret(project, grant.source) for grant in said.secrets]
    return options


def _place(project: Project, place: str) -> str:
    """`service:NAME` is the image of another service, which is there before."""
    kind, _, name = place.partition(":")
    if kind != "service":
        return place
    if name not in project.services:
        raise InvalidArgument(f"additional_contexts: no such service: {name}")
    return f"docker-image://{project.image_of(project.services[name])}"


def _dockerfile(said: Build) -> str:
    """`build` takes a path from here; the file says one from the context."""
    import os

    if said.dockerfile_inline or not said.dockerfile or not os.path.isdir(said.context):
        return said.dockerfile if not said.dockerfile_inline and not os.path.isdir(said.context) else ""
    return os.path.join(said.context, said.dockerfile)


def _secret(project: Project, name: str) -> str:
    stored = project.secrets[name]
    return f"id={name},env={stored.environment}" if stored.environment else f"id={name},src={stored.file}"
