"""`--docker host=…,ca=…`: what create and update make of it."""

from __future__ import annotations

from sampan.cli.context import store
from sampan.client import hosts
from sampan.errors import InvalidArgument, SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sampan.cli.session import Session

KEYS = ("from", "host", "ca", "cert", "key", "skip-tls-verify")
_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False", "")


def of_current(session: Session) -> tuple[dict[str, Any], dict[str, dict[str, bytes]]]:
    """What the context in use has: (its metadata, its TLS files)."""
    name = session.context
    if name == store.DEFAULT:
        return default(session), {}
    found = store.of(session.config_directory)
    return found.read(name), found.material(name)


def default(session: Session) -> dict[str, Any]:
    """The context that is nowhere written down: flags, environment, our own default."""
    endpoint = {"Host": session.default_host, "SkipTLSVerify": False}
    return {"Name": store.DEFAULT, "Metadata": {}, "Endpoints": {store.DOCKER: endpoint}}


def read(session: Session, name: str) -> tuple[dict[str, Any], dict[str, dict[str, bytes]]]:
    """A context by its name, `default` too."""
    if name == store.DEFAULT:
        return default(session), {}
    found = store.of(session.config_directory)
    return found.read(name), found.material(name)


def build(session: Session, given: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The endpoint and its TLS files. Raises InvalidArgument, in Docker's words."""
    try:
        return _build(session, given)
    except SampanError as error:
        raise InvalidArgument(f"unable to create docker endpoint config: {error}") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        text = f"unable to create docker endpoint config: open {error.filename}: {reason}"
        raise InvalidArgument(text) from None


def _build(session: Session, given: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, bytes]]:
    for key in given:
        if key not in KEYS:
            raise InvalidArgument(f"unrecognized config key: {key}")
    if given.get("from"):
        meta, material = read(session, given["from"])
        return store.endpoint(meta), material.get(store.DOCKER, {})
    files = {f"{kind}.pem": _content(given[kind]) for kind in ("ca", "cert", "key") if given.get(kind)}
    skip = _truth(given.get("skip-tls-verify", ""))
    host = given.get("host", "")
    if host:
        _check_host(host)
    if "ca.pem" in files:
        _check_authority(files["ca.pem"])
    endpoint = {"Host": host, "SkipTLSVerify": skip}
    return {name: value for name, value in endpoint.items() if name != "Host" or value}, files


def _check_host(host: str) -> None:
    if "://" not in host:
        text = f"unable to apply docker endpoint options: unable to parse docker host `{host}`"
        raise InvalidArgument(text)
    if host.startswith("ssh://"):
        hosts.parse(host)


def _check_authority(content: bytes) -> None:
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(
            cadata=content.decode("ascii", "replace")
        )
    except (ssl.SSLError, ValueError):
        raise InvalidArgument(
            "invalid docker endpoint options: failed to retrieve context tls info: ca.pem seems invalid"
        ) from None


def _truth(text: str) -> bool:
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise InvalidArgument(f'skip-tls-verify: parsing "{text}": invalid syntax')


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
