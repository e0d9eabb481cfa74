"""`sampan logout`."""

from __future__ import annotations

from sampan.cli import config, console
from sampan.cli.system.login import server_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[SERVER]"
SHORT = "Log out from a registry"
ALIASES = ("logout",)
ARGUMENTS = (0, 1)
FLAGS = ()


def main(session: Session, options: Values, arguments: list[str]) -> int:
    server = server_name(arguments[0] if arguments else "")
    shown = arguments[0] if arguments else server
    auths = dict(session.config.get("auths") or {})
    known = [name for name in (server, f"https://{server}", f"http://{server}") if name in auths]
    helper = config.credential_helper(session.config, server)
    console.out(f"Removing login credentials for {shown}")
    if helper:
        from sampan.cli.image import keeper

        keeper.erase(helper, server)
    for name in known:
        del auths[name]
    if known or helper:
        config.write(session.config_directory, {**session.config, "auths": auths})
    return 0
