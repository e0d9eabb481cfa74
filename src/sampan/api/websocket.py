"""/containers/{id}/attach/ws: an attach whose bytes travel in WebSocket messages.

The monitor speaks no WebSocket, so this is the one attach whose bytes pass through the daemon: the monitor
gets one end of a socket pair, and a task here carries the bytes between the other end and the client.
"""

import asyncio
import socket

from sampan.api.containers import find, wanted_streams
from sampan.api.messages import Answer, Hijacked, Request
from sampan.api.query import Query
from sampan.engine.containers import attach as attaching
from sampan.engine.containers import logs as logging
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.errors import InvalidArgument
from sampan.wire import websocket
from sampan.wire.stdcopy import Demultiplexer
from sampan.wire.websocket import BINARY, CLOSE, NORMAL, PING, PONG, TEXT, Decoder, ProtocolError

_PIECE = 64 * 1024  # bytes
_BINARY_SINCE = (1, 28)  # of the API; before it data came as text


async def attach(engine: Engine, request: Request) -> Answer:
    container = find(engine, request)
    query = Query(request.query)
    attaching.check(container)
    wanted = wanted_streams(query, plain=True)
    answer = _handshake(request)
    await request.body.whole()
    hijacked = await request.hijack(answer=answer)
    client = _Client(hijacked, BINARY if request.version >= _BINARY_SINCE else TEXT)
    engine.tasks.spawn(_serve(engine, container, wanted, query, client))
    return None


def _handshake(request: Request) -> str:
    """The head of our answer (RFC 6455, 4.2). Raises InvalidArgument for what is no handshake."""
    headers = request.headers
    if not request.upgrade or headers.get("upgrade", "").lower() != "websocket":
        raise InvalidArgument("bad request: not a websocket handshake")
    if headers.get("sec-websocket-version") != websocket.VERSION:
        raise InvalidArgument(f"bad request: only version {websocket.VERSION} of websocket is served")
    try:
        accept = websocket.accept(headers.get("sec-websocket-key", ""))
    except ValueError:
        raise InvalidArgument("bad request: invalid Sec-WebSocket-Key") from None
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n"
    )


class _Client:
    """The browser's end. Frames are sent whole: one task at a time."""

    def __init__(self, hijacked: Hijacked, opcode: int) -> None:
        self._socket = hijacked.stream
        self._early = hijacked.early
        self._opcode = opcode
        self._order = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self.decoder = Decoder()

    async def receive(self) -> bytes:
        early, self._early = self._early, b""
        return early or await self._loop.sock_recv(self._socket, _PIECE)

    async def send(self, payload: bytes) -> None:
        if self._opcode == TEXT:
            payload = payload.decode("utf-8", "replace").encode()
        await self.write(websocket.frame(self._opcode, payload))

    async def write(self, frame: bytes) -> None:
        async with self._order:
            await self._loop.sock_sendall(self._socket, frame)

    def close(self) -> None:
        self._socket.close()


async def _serve(
    engine: Engine, container: Container, wanted: attaching.Wanted, query: Query, client: _Client
) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    given = False
    try:
        if query.flag("logs"):
            await _replay(engine, container, wanted, client)
        if query.flag("stream"):
            given = True  # from here on it is closed there, perhaps only after a later start
            await attaching.attach(engine, container, wanted, theirs, b"")
            await _relay(client, ours, takes=wanted.stdin and container.definition.config.open_stdin)
        else:
            await client.write(websocket.close(NORMAL))
    except (ConnectionError, BrokenPipeError):
        pass  # it went away
    finally:
        if not given:
            theirs.close()
        ours.close()
        client.close()


async def _replay(engine: Engine, container: Container, wanted: attaching.Wanted, client: _Client) -> None:
    """What was written so far; without a terminal it comes in frames of its own."""
    past = logging.Wanted(stdout=wanted.stdout, stderr=wanted.stderr)
    frames = None if container.definition.config.tty else Demultiplexer()
    async for piece in logging.logs(engine, container, past):
        for _, payload in frames.feed(piece) if frames is not None else [(0, piece)]:
            await client.send(payload)


async def _relay(client: _Client, container: socket.socket, *, takes: bool) -> None:
    """Until the output ends, or the client goes."""
    incoming = asyncio.ensure_future(_incoming(client, container, takes=takes))
    outgoing = asyncio.ensure_future(_outgoing(client, container))
    try:
        await asyncio.wait((incoming, outgoing), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (incoming, outgoing):
            task.cancel()
        await asyncio.gather(incoming, outgoing, return_exceptions=True)


async def _outgoing(client: _Client, container: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while piece := await loop.sock_recv(container, _PIECE):
        await client.send(piece)
    await client.write(websocket.close(NORMAL))


async def _incoming(client: _Client, container: socket.socket, *, takes: bool) -> None:
    """`takes`: there is a stdin; otherwise data is read and forgotten, and only its end counts."""
    loop = asyncio.get_running_loop()
    try:
        while data := await client.receive():
            for opcode, payload in client.decoder.feed(data):
                if opcode == CLOSE:
                    await client.write(websocket.frame(CLOSE, payload[:2]))
                    return
                if opcode == PING:
                    await client.write(websocket.frame(PONG, payload))
                elif opcode in (BINARY, TEXT) and takes:
                    await loop.sock_sendall(container, payload)
    except ProtocolError as error:
        await client.write(websocket.close(error.code))
