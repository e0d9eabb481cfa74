"""Asking others: three of them, four seconds each, an answer only to what was asked, and the next one where a
server fails (as Docker does, libnetwork/resolver.go). From this machine's own network: its servers may listen
on its loopback."""

import asyncio
import secrets
import socket
from collections.abc import Sequence

from dnslib import RCODE

from sampan.resolver.answer import belongs

_SERVERS = 3
_PATIENCE = 4.0  # seconds
_PORT = 53
_LIMIT = 65535


async def forward(data: bytes, servers: Sequence[str], *, stream: bool) -> bytes | None:
    """The answer, with the number of the question; None: nobody has one. `stream`: over TCP."""
    sent, failed = secrets.token_bytes(2) + data[2:], None
    for server in servers[:_SERVERS]:
        try:
            async with asyncio.timeout(_PATIENCE):
                reply = await (_over_tcp if stream else _over_udp)(sent, server)
        except (OSError, TimeoutError, EOFError):
            continue
        answer = data[:2] + reply[2:]
        if reply[3] & 0xF != RCODE.SERVFAIL:
            return answer
        failed = answer
    return failed


def _family(server: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in server else socket.AF_INET


async def _over_udp(sent: bytes, server: str) -> bytes:
    """From a port that nobody can guess: the kernel's choice for a socket of its own."""
    loop = asyncio.get_running_loop()
    with socket.socket(_family(server), socket.SOCK_DGRAM) as asking:
        asking.setblocking(False)
        asking.connect((server, _PORT))
        await loop.sock_sendall(asking, sent)
        while True:
            reply = await loop.sock_recv(asking, _LIMIT)
            if belongs(reply, sent):
                return reply


async def _over_tcp(sent: bytes, server: str) -> bytes:
    reader, writer = await asyncio.open_connection(server, _PORT)
    try:
        writer.write(len(sent).to_bytes(2, "big") + sent)
        reply = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    finally:
        writer.close()
    if not belongs(reply, sent):
        raise EOFError("an answer to another question")
    return reply
