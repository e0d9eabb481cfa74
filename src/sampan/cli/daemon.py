"""`sampan daemon`: the server, in the foreground. The only verb that is not a client."""

from __future__ import annotations

from sampan.cli import libraries
from sampan.client.hosts import DEFAULT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS]"
SHORT = "Run the daemon"
ALIASES = ()
ARGUMENTS = (0, 0)
FLAGS = (
    ("config", "", "string", "/etc/sampan/config.toml", "Configuration file"),
    ("data-root", "", "string", "/var/lib/sampan", "Directory of images, containers and volumes"),
    ("host", "H", "list", None, f"Socket to serve the API on (default {DEFAULT})"),
    ("run-root", "", "string", "/run/sampan", "Directory of what lives as long as the machine is up"),
    ("tls", "", "bool", False, "Use TLS for tcp://; implied by --tlsverify"),
    ("tlscacert", "", "string", "/etc/sampan/ca.pem", "Trust clients whose certificate this CA signed"),
    ("tlscert", "", "string", "/etc/sampan/cert.pem", "TLS certificate file"),
    ("tlskey", "", "string", "/etc/sampan/key.pem", "TLS key file"),
    ("tlsverify", "", "bool", False, "Use TLS and verify the clients"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    libraries.enable()
    from sampan.daemon import Security
    from sampan.daemon import main as serve
    from sampan.wire.tls import Files

    run_root = options["run-root"]
    hosts = options["host"] or [f"unix://{run_root}/sampan.sock"]
    verify = options["tlsverify"]
    security = Security(
        Files(options["tlscacert"], options["tlscert"], options["tlskey"]),
        tls=options["tls"] or verify,
        verify=verify,
        # As with dockerd 28: who says --tlsverify=false knows what it is.
        anywhere="tlsverify" in options.changed,
    )
    return serve(options["data-root"], run_root, hosts, options["config"], security)
