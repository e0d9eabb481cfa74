"""What `run` and `create` do first: the container, and the image if it is not there."""

from __future__ import annotations

from sampan.cli import console
from sampan.client.container.create import create
from sampan.errors import InvalidArgument, NotFound, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session


def make(session: Session, options: Values, config: dict[str, Any]) -> str:
    """Create the container: its ID. Warnings and the progress of a pull go to stderr."""
    policy = options["pull"]
    if policy not in ("always", "missing", "never", ""):
        raise InvalidArgument(
            f'invalid pull option: \'{policy}\': must be one of "always", "missing" or "never"'
        )
    if not options["disable-content-trust"]:
        raise Unsupported("signatures of images cannot be verified: --disable-content-trust=false")
    if options["use-api-socket"]:
        from sampan.cli.container import api_socket

        api_socket.mount(config, session.client.host.url)
    if session.config.get("proxies"):
        _add_proxies(session, config)
    platform = options["platform"] or console.environment("DOCKER_DEFAULT_PLATFORM")
    cid_file = _open_cid_file(options["cidfile"])
    if policy == "always":
        _pull(session, options, config["Image"], platform)
    try:
        answer = _create(session, options, config, platform)
    except BaseException:
        _remove_cid_file(options["cidfile"])
        raise
    for server in options["dns"]:
        if server.startswith("127.") or server == "::1":
            console.error(f"WARNING: Localhost DNS setting (--dns={server}) may fail in containers.")
    for warning in answer.get("Warnings") or ():
        console.error(f"WARNING: {warning}")
    if cid_file is not None:
        cid_file.write(answer["Id"])
        cid_file.close()
    return str(answer["Id"])


def _add_proxies(session: Session, config: dict[str, Any]) -> None:
    from sampan.cli import config as configuration

    given = config.get("Env") or []
    config["Env"] = given + configuration.proxies(session.config, session.client.host.url, given)


def _create(session: Session, options: Values, config: dict[str, Any], platform: str) -> dict[str, Any]:
    try:
        return create(session.client, config, options["name"], platform)
    except NotFound:
        if options["pull"] != "missing":
            raise
        from sampan.cli.image import reference

        name = reference.parse(config["Image"])
        if name.is_identifier:
            raise
        console.error(f"Unable to find image '{name.with_tag()}' locally")
    except InvalidArgument:
        from sampan.cli.image import reference

        reference.parse(config["Image"])  # says it in the client's words, if that is what is wrong
        raise
    _pull(session, options, config["Image"], platform)
    return create(session.client, config, options["name"], platform)


def _pull(session: Session, options: Values, image: str, platform: str) -> None:
    from sampan.cli.image import pulling

    descriptor = None if options["quiet"] else console.STDERR
    pulling.pull(session, image, platform=platform, descriptor=descriptor)


def _open_cid_file(path: str) -> Any:
    if not path:
        return None
    try:
        return open(path, "x", encoding="utf-8")
    except FileExistsError:
        raise InvalidArgument(
            f"container ID file found, make sure the other container isn't running or delete {path}"
        ) from None
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise InvalidArgument(f"failed to create the container ID file: open {path}: {reason}") from None


def _remove_cid_file(path: str) -> None:
    if path:
        import posix

        posix.unlink(path)
