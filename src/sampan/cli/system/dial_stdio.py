"""`sampan system dial-stdio`: the daemon's socket on our standard streams. The far side of `ssh://`, for our
client and for Docker's.
"""

from __future__ import annotations

from sampan.cli.container.streams import Streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = ""
SHORT = "Connect the standard streams to the daemon; not for people"
ALIASES = ()
HIDDEN = True
ARGUMENTS = (0, 0)
FLAGS = ()


def main(session: Session, options: Values, arguments: list[str]) -> int:
    Streams(session.client.open(), tty=True, stdin=True).run()
    return 0
