"""The monitor's conversations: with the daemon that launched it and with any that comes later.

*Lonely.* Requests are handed to `answer`; events go to everybody. A connection whose queue is full is
closed: its daemon connects again and asks for the state, which is better than to miss an event.
"""

import os
from _socket import socket
from collections.abc import Callable
from typing import Any

from sampan.runtime import channel
from sampan.runtime.monitor_loop import READ, Loop
from sampan.runtime.protocol import Message, decode

Reply = Callable[[Message], None]
Answer = Callable[[Any, list[int], Reply], None]  # (request, its files, whom to answer, now or later)


class Control:
    def __init__(self, loop: Loop, answer: Answer) -> None:
        self._loop = loop
        self._answer = answer
        self._connections: list[socket] = []
        self._listener: socket | None = None

    def add(self, connection: socket) -> None:
        self._connections.append(connection)
        self._loop.watch(connection.fileno(), READ, lambda _events: self._ready(connection))

    def listen(self, listener: socket) -> None:
        self._listener = listener
        self._loop.watch(listener.fileno(), READ, lambda _events: self._accept())

    def broadcast(self, event: Message) -> None:
        for connection in tuple(self._connections):
            self._send(connection, event, 0)

    def stop_listening(self) -> None:
        if self._listener is not None:
            self._loop.forget(self._listener.fileno())
            self._listener.close()
            self._listener = None

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            fd, _ = self._listener._accept()  # type: ignore[attr-defined]  # what socket.socket.accept calls
        except OSError:  # gone again, or no descriptor left
            return
        os.set_inheritable(fd, False)
        self.add(socket(fileno=fd))

    def _ready(self, connection: socket) -> None:
        try:
            packet = channel.receive(connection, wait=False)
        except BlockingIOError:
            return
        except (OSError, channel.Refused):
            packet = None
        if packet is None:
            self._drop(connection)
            return
        try:
            request, sequence = decode(packet.data)
        except ValueError:
            channel.close_all(packet.files)
            self._drop(connection)
            return
        self._answer(request, packet.files, lambda message: self._send(connection, message, sequence))

    def _send(self, connection: socket, message: Message, sequence: int) -> None:
        if connection not in self._connections:
            return
        try:
            channel.send(connection, message, sequence=sequence, wait=False)
        except OSError:
            self._drop(connection)

    def _drop(self, connection: socket) -> None:
        if connection in self._connections:
            self._connections.remove(connection)
            self._loop.forget(connection.fileno())
            connection.close()
