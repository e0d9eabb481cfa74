"""JSON bodies → typed values, at the edge."""

from typing import Any, TypeVar

import msgspec

from sampan.api.messages import Request
from sampan.engine.containers.config import Config, EndpointRequest, HostConfig, NetworkingConfig, Wire
from sampan.errors import InvalidArgument

_T = TypeVar("_T")


class CreateParts(Wire):
    """What /containers/create has beside the fields of `Config`."""

    host_config: HostConfig | None = None
    networking_config: NetworkingConfig | None = None


class VolumeCreate(Wire):
    name: str = ""
    driver: str = "local"
    driver_opts: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    cluster_volume_spec: Any = None


class ExecStart(Wire):
    detach: bool = False
    tty: bool = False
    console_size: list[int] | None = None


class PlatformRequest(msgspec.Struct):
    """A platform as a query parameter has it: as JSON."""

    os: str = ""
    architecture: str = ""
    variant: str = ""


class NetworkConnect(msgspec.Struct, rename="pascal"):
    container: str = ""
    endpoint_config: EndpointRequest | None = None


class NetworkDisconnect(msgspec.Struct, rename="pascal"):
    container: str = ""
    force: bool = False


class AuthConfig(msgspec.Struct):
    """X-Registry-Auth, and the body of /auth."""

    username: str = ""
    password: str = ""
    auth: str = ""
    email: str = ""
    serveraddress: str = ""
    identitytoken: str = ""
    registrytoken: str = ""


def create_body(body: bytes) -> tuple[Config, HostConfig, NetworkingConfig]:
    parts = decode(body, CreateParts)
    return (
        decode(body, Config),
        parts.host_config or HostConfig(),
        parts.networking_config or NetworkingConfig(),
    )


async def json_body(request: Request, kind: type[_T]) -> _T:
    """Raises InvalidArgument for what is no JSON of that shape; an empty body is an empty object."""
    return decode(await checked_body(request), kind)


async def checked_body(request: Request) -> bytes:
    """A form that a web page sends across sites comes without asking first: only what says it is JSON
    counts."""
    body = await request.body.whole()
    if body.strip():
        kind_of_content = request.headers.get("content-type", "application/json").partition(";")[0].strip()
        if kind_of_content.lower() != "application/json":
            raise InvalidArgument(
                f"unsupported Content-Type header ({kind_of_content[:64]}): must be 'application/json'"
            )
    return body


def decode(body: bytes, kind: type[_T]) -> _T:
    if not body.strip():
        body = b"{}"
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError:
        return _without_nulls(body, kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidArgument(f"invalid JSON: {error}") from None


def _without_nulls(body: bytes, kind: type[_T]) -> _T:
    """Go's clients write null for anything that is not set, and Go reads it as nothing."""
    try:
        return msgspec.convert(_strip(msgspec.json.decode(body)), kind)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError) as error:
        raise InvalidArgument(f"invalid JSON: {error}") from None


def _strip(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _strip(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_strip(inner) for inner in value if inner is not None]
    return value
