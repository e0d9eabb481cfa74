"""Which containers the resolver knows, which of them have yet to start, and our connection to it. State only:
`networks.resolving` has the verbs."""

import asyncio
import socket

from sampan.engine.containers.record import Container, Endpoint


class Known:
    def __init__(self) -> None:
        self.endpoints: dict[str, tuple[Container, list[Endpoint]]] = {}
        self.expected: dict[str, Container] = {}  # they are found, and do not ask
        self.until: dict[str, float] = {}  # ID → the loop's time after which it is expected no more
        self.returning: set[str] = set()  # IDs: whoever of them ends now is expected from then on
        self.lock = asyncio.Lock()
        self.held: socket.socket | None = None

    def release(self) -> None:
        """Nobody needs it any more: it ends with its last container."""
        if self.held is not None:
            asyncio.get_running_loop().remove_reader(self.held)
            self.held.close()
            self.held = None
