"""The way to a daemon that is not the one on this machine: a context, TLS, SSH."""

from __future__ import annotations

import posix

from sampan.cli import config
from sampan.cli.console import ExitWith, environment
from sampan.client import hosts
from sampan.errors import SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.client.connection import Dialer
    from sampan.client.hosts import Host

DEFAULT = "default"


def find(context: str, url: str, options: Values, directory: str) -> tuple[Host, Dialer | None]:
    """Where the daemon is, and how it is reached (None: by a plain socket). Leaves with 1 and Docker's words
    for what cannot be read; nothing has been asked of any daemon then.
    """
    try:
        if context == DEFAULT:
            return _of_flags(url, options, directory)
        return _of_context(context, directory)
    except SampanError as error:
        raise ExitWith(1, f"Failed to initialize: {error}") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        text = f"open {error.filename}: {reason}" if error.filename is not None else reason
        raise ExitWith(1, f"Failed to initialize: unable to resolve docker endpoint: {text}") from None


def wants_tls(options: Values) -> tuple[bool, bool]:
    """(whether TLS is spoken, whether the daemon's certificate is verified). `--tlsverify`, even `=false`,
    turns TLS on (docker/cli, SetDefaultOptions).
    """
    verify = options["tlsverify"]
    if "tlsverify" not in options.changed:
        verify = environment("DOCKER_TLS_VERIFY") != ""
    tls = options["tls"] or environment("DOCKER_TLS") != ""
    return tls or verify or "tlsverify" in options.changed, verify


def _of_flags(url: str, options: Values, directory: str) -> tuple[Host, Dialer | None]:
    tls, verify = wants_tls(options)
    host = hosts.parse(url, tls=tls)
    if host.ssh is not None:
        return host, _over_ssh(host)
    if not tls or host.path:
        return host, None
    place = environment("DOCKER_CERT_PATH") or config.directory(directory)
    ca, cert, key = (
        options[flag] or f"{place}/{file}.pem"
        for flag, file in (("tlscacert", "ca"), ("tlscert", "cert"), ("tlskey", "key"))
    )
    _check(ca)
    cert, key = (
        path if flag in options.changed or _exists(path) else ""
        for flag, path in (("tlscert", cert), ("tlskey", key))
    )
    return host, _over_tls(host, (ca, cert, key), verify=verify)


def _of_context(name: str, directory: str) -> tuple[Host, Dialer | None]:
    from sampan.cli.context import store

    contexts = store.of(directory)
    try:
        endpoint = store.endpoint(contexts.read(name))
    except SampanError as error:
        raise type(error)(f"unable to resolve docker endpoint: {error}") from None
    files = contexts.material(name).get(store.DOCKER, {})
    skip = bool(endpoint.get("SkipTLSVerify"))
    tls = bool(files) or skip
    host = hosts.parse(endpoint.get("Host") or hosts.DEFAULT, tls=tls)
    if host.ssh is not None:
        return host, _over_ssh(host)
    if not tls or host.path:
        return host, None
    place = f"{contexts.tls_path(name)}/{store.DOCKER}"
    ca, cert, key = (f"{place}/{file}" if file in files else "" for file in store.TLS_FILES)
    return host, _over_tls(host, (ca, cert, key), verify=not skip)


def _over_ssh(host: Host) -> Dialer:
    from sampan.client import ssh

    return ssh.Dialer(host)


def _over_tls(host: Host, files: tuple[str, str, str], *, verify: bool) -> Dialer:
    from sampan.client import connection, tls
    from sampan.wire.tls import Files, client_context

    for path in files:
        if path:
            _check(path)
    context = client_context(Files(*files), verify=verify)
    return tls.Dialer(host, context, connection.open_host)


def _check(path: str) -> None:
    """Raises OSError with the path, which ssl does not say."""
    posix.close(posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC))


def _exists(path: str) -> bool:
    try:
        posix.stat(path)
    except FileNotFoundError:
        return False
    return True
