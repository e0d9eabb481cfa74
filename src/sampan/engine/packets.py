"""Messages over a SOCK_SEQPACKET socket from inside the event loop.

*Async.* `runtime.channel` knows what a packet is; this waits for the socket without blocking the loop.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence

from sampan.runtime import channel
from sampan.runtime.channel import Packet
from sampan.runtime.protocol import Message, encode

_log = logging.getLogger(__name__)
_BATCH = 64  # packets read at once, before others get their turn


class Packets:
    """`received` gets every packet (and owns its files), `ended` is called once. Owns the socket."""

    def __init__(
        self, sock: socket.socket, received: Callable[[Packet], None], ended: Callable[[], None]
    ) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._received = received
        self._ended = ended
        self._order = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self.closed = False
        self._loop.add_reader(sock, self._readable)

    async def send(self, message: Message, files: Sequence[int] = (), sequence: int = 0) -> None:
        """Raises BrokenPipeError when the other end is gone."""
        cut = channel.packets(encode(message, sequence), files)
        try:
            async with self._order:
                for data, some in cut:
                    await self._put(data, some)
        finally:
            channel.release(cut)

    def close(self) -> None:
        """Without `ended`."""
        if not self.closed:
            self.closed = True
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()

    async def _put(self, data: bytes, files: Sequence[int]) -> None:
        while True:
            if self.closed:
                raise BrokenPipeError
            try:
                channel.put(self._socket, data, files, wait=False)
            except BlockingIOError:
                await self._writable()
            except ConnectionError as error:  # ECONNRESET is told once, EPIPE from then on
                raise BrokenPipeError(error.errno, error.strerror) from None
            else:
                return

    async def _writable(self) -> None:
        ready = asyncio.Event()
        self._loop.add_writer(self._socket, ready.set)
        try:
            await ready.wait()
        finally:
            self._loop.remove_writer(self._socket)

    def _readable(self) -> None:
        for _ in range(_BATCH):
            if self.closed:
                return
            try:
                packet = channel.receive(self._socket, wait=False)
            except BlockingIOError:
                return
            except (OSError, channel.Refused):  # ECONNRESET: gone with something of ours unread
                packet = None
            if packet is None:
                self.close()
                self._ended()
                return
            try:
                self._received(packet)
            except ValueError:  # no message of the protocol: whatever is there, it is not ours
                _log.exception("closing a connection to a process that does not speak our protocol")
                self.close()
                self._ended()
                return
