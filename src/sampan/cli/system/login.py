"""`sampan login`."""

from __future__ import annotations

import os
import sys

from sampan.cli import config, console
from sampan.cli.console import ExitWith
from sampan.cli.image import credentials
from sampan.client.system.login import login

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] [SERVER]"
SHORT = "Authenticate to a registry"
ALIASES = ("login",)
ARGUMENTS = (0, 1)
FLAGS = (
    ("password", "p", "string", "", "Password or Personal Access Token (PAT)"),
    ("password-stdin", "", "bool", False, "Take the Password or Personal Access Token (PAT) from stdin"),
    ("username", "u", "string", "", "Username"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    server = server_name(arguments[0] if arguments else "")
    user, password = options["username"], _given_password(options)
    if not password and not user:
        known = credentials.find(session.config, server)
        if known.get("username"):
            console.out("Authenticating with existing credentials...")
            user, password = known["username"], known["password"]
    user, password = _asked(user, password)
    answer = login(session.client, user, password, server)
    keep(session, server, user, password, str(answer.get("IdentityToken") or ""))
    console.out(str(answer.get("Status") or "Login Succeeded"))
    return 0


def server_name(text: str) -> str:
    """As Docker keeps it: a host, or the address of its hub."""
    host = text.removeprefix("https://").removeprefix("http://").partition("/")[0]
    return credentials.server_of(host or "docker.io")


def _given_password(options: Values) -> str:
    if options["password"]:
        console.error("WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
        if options["password-stdin"]:
            raise ExitWith(1, "conflicting options: cannot specify both --password and --password-stdin")
        return str(options["password"])
    if not options["password-stdin"]:
        return ""
    if not options["username"]:
        raise ExitWith(1, "the --password-stdin option requires --username to be set")
    return sys.stdin.buffer.read().decode("utf-8", "surrogateescape").rstrip("\r\n")


def _asked(user: str, password: str) -> tuple[str, str]:
    """What was not given is asked for, the password without an echo."""
    if user and password:
        return user, password
    if not console.is_terminal(console.STDIN):
        raise ExitWith(1, "Error: Cannot perform an interactive login from a non TTY device")
    import getpass

    if not user:
        console.write(console.STDOUT, b"Username: ")
        user = sys.stdin.readline().strip()
    if not user:
        raise ExitWith(1, "Error: Non-null Username Required")
    password = password or getpass.getpass("Password: ")
    if not password:
        raise ExitWith(1, "Error: Password Required")
    return user, password


def keep(session: Session, server: str, user: str, password: str, token: str) -> None:
    """In the helper that the user has chosen, otherwise in config.json, with a warning."""
    helper = config.credential_helper(session.config, server)
    if helper:
        from sampan.cli.image import keeper

        keeper.store(helper, server, "<token>" if token else user, token or password)
        entry: dict[str, str] = {}
    else:
        entry = credentials.kept(user, password)
        if token:
            entry["identitytoken"] = token
        _warn(session)
    changed = {**session.config, "auths": {**(session.config.get("auths") or {}), server: entry}}
    config.write(session.config_directory, changed)


def _warn(session: Session) -> None:
    path = os.path.join(config.directory(session.config_directory), config.FILE)
    console.error(
        f"\nWARNING! Your credentials are stored unencrypted in '{path}'.\n"
        "Configure a credential helper to remove this warning. See\n"
        "https://docs.docker.com/go/credential-store/\n"
    )
