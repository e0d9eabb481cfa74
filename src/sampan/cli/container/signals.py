"""Signals that we get are the container's to handle: `--sig-proxy`."""

from __future__ import annotations

import _signal

from sampan.client.container.kill import kill
from sampan.errors import SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.client.connection import Client

# Not ours to pass on: what cannot be caught, what the kernel means for this very process, and what a resize
# is.
_OWN = (
    "SIGKILL",
    "SIGSTOP",
    "SIGCHLD",
    "SIGPIPE",
    "SIGURG",
    "SIGWINCH",
    "SIGSEGV",
    "SIGBUS",
    "SIGFPE",
    "SIGILL",
)
_LAST = 31  # the real-time signals are libc's


def proxy(client: Client, container: str) -> None:
    """From now on every signal goes to the container's process 1. `client` is for this alone: a handler may
    run in the middle of another request."""

    def forward(number: int, frame: object) -> None:
        try:  # noqa: SIM105 (contextlib costs milliseconds to import)
            kill(client, container, str(number))
        except (SampanError, OSError):
            pass  # it has ended in the meantime; our own end follows

    own = {getattr(_signal, name) for name in _OWN}
    for number in range(1, _LAST + 1):
        if number not in own:
            _signal.signal(number, forward)
