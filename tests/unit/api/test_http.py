"""HTTP/1.1 as the server understands it, over a socketpair: whole packets, split packets, hijacked ones."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from sampan.api.http import HEAD_LIMIT, Server
from sampan.api.messages import Answer, Request, Response, Stream


async def _handler(request: Request) -> Answer:
    if request.path == "/hijack":
        await request.body.whole()
        hijacked = await request.hijack("application/vnd.docker.raw-stream")
        with hijacked.stream as stream:
            stream.setblocking(True)
            stream.sendall(b"early=" + hijacked.early)
        return None
    if request.path == "/stream":
        return Stream(_pieces())
    if request.path == "/refused":
        return Response(404, b"no")
    body = await request.body.whole(limit=1 << 20)
    return Response(
        200, f"{request.method} {request.path}?{request.query} {len(body)}".encode(), "text/plain"
    )


async def _pieces() -> AsyncIterator[bytes]:
    for piece in (b"one", b"", b"two"):
        yield piece


async def _talk(parts: list[bytes], *, tcp: bool = False) -> bytes:
    hijacked = b"".join(parts).startswith(b"POST /hijack")
    ours, theirs = socket.socketpair()
    server = Server(_handler)
    loop = asyncio.get_running_loop()
    from sampan.api.http import Connection

    ours.setblocking(False)
    await loop.connect_accepted_socket(lambda: Connection(server, check_origin=tcp), theirs)
    for part in parts:
        over = BrokenPipeError if hijacked else ()  # a hijacked stream may be over already
        with contextlib.suppress(over):
            await loop.sock_sendall(ours, part)
        for _ in range(5):  # turns of the loop, for the server to see this part alone
            await asyncio.sleep(0)
    with contextlib.suppress(OSError):
        ours.shutdown(socket.SHUT_WR)
    received = b""
    async with asyncio.timeout(5):
        while data := await loop.sock_recv(ours, 65536):
            received += data
    ours.close()
    return received


def talk(*parts: bytes, tcp: bool = False) -> bytes:
    return asyncio.run(_talk(list(parts), tcp=tcp))


REQUEST = b"POST /a%20b?x=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: tcp\r\n"


@pytest.mark.parametrize("size", [1, 2, 7, 64, 1000])
def test_a_request_in_any_number_of_packets(size: int) -> None:
    answer = talk(*(REQUEST[at : at + size] for at in range(0, len(REQUEST), size)))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"POST /a%20b?x=1 5")


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_chunked_body(size: int) -> None:
    request = b"PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n"
    assert talk(*(request[at : at + size] for at in range(0, len(request), size))).endswith(b"PUT /c? 7")


def test_requests_sent_ahead_are_answered_in_order() -> None:
    answer = talk(REQUEST + b"GET /second HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.index(b"POST /a%20b") < answer.index(b"GET /second")


def test_a_stream_is_sent_in_chunks() -> None:
    answer = talk(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in answer
    assert answer.endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")


def test_a_stream_to_http_1_0_ends_with_the_connection() -> None:
    answer = talk(b"GET /stream HTTP/1.0\r\n\r\n")
    assert b"Connection: close" in answer
    assert answer.endswith(b"\r\n\r\nonetwo")


def test_head_has_the_length_but_no_body() -> None:
    answer = talk(b"HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"Content-Length: 10" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_expect_continue_is_answered_when_the_body_is_wanted() -> None:
    head, body = REQUEST.replace(b"Host: x", b"Host: x\r\nExpect: 100-continue").split(b"\r\n\r\n")
    answer = talk(head + b"\r\n\r\n", body)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("head", "status"),
    [(UPGRADE, b"101 UPGRADED"), (b"", b"200 OK")],
    ids=["upgrade", "no upgrade"],
)
@pytest.mark.parametrize("body", [b"", b"{}"], ids=["no body", "body"])
@pytest.mark.parametrize("size", [1, 10_000])
def test_hijack_keeps_what_came_behind_the_request(
    head: bytes, status: bytes, body: bytes, size: int
) -> None:
    length = b"Content-Length: %d\r\n" % len(body)
    request = b"POST /hijack HTTP/1.1\r\nHost: x\r\n" + head + length + b"\r\n" + body + b"behind"
    answer = talk(*(request[at : at + size] for at in range(0, len(request), size)))
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"Content-Type: application/vnd.docker.raw-stream" in answer
    if size > 1:  # one packet: all of it was read together
        assert answer.endswith(b"early=behind")


@pytest.mark.parametrize(
    "request_",
    [
        b"garbage\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /x HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
        b"POST /x HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\nabc",
        b"GET /x HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n",
        b"GET /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(request_: bytes) -> None:
    answer = talk(request_)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1


def test_a_head_beyond_the_limit_is_refused() -> None:
    assert talk(b"GET /x HTTP/1.1\r\nA: " + b"a" * HEAD_LIMIT).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"Host: localhost:2375", b"200"),
        (b"Host: 127.0.0.1", b"200"),
        (b"Host: [::1]:1", b"200"),
        (b"Host: evil.example", b"403"),
        (b"Host: localhost\r\nOrigin: null", b"403"),
        (b"Host: localhost\r\nSec-Fetch-Site: cross-site", b"403"),
    ],
)
def test_web_pages_do_not_reach_the_api_over_tcp(headers: bytes, status: bytes) -> None:
    assert talk(b"GET /x HTTP/1.1\r\n" + headers + b"\r\n\r\n", tcp=True).startswith(b"HTTP/1.1 " + status)


def test_an_answer_before_the_body_leaves_the_connection_whole() -> None:
    head = b"POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
    answer = talk(head, b"hel", b"lo", REQUEST)
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"Connection: close" not in answer
    assert answer.endswith(b"POST /a%20b?x=1 5")


def test_an_answer_before_a_large_body_is_read_by_a_client_that_still_sends() -> None:
    size = 8 << 20
    head = b"POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size
    answer = talk(head, bytes(size))
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"Connection: close" in answer


def test_an_answer_does_not_ask_for_a_body_that_waits_to_be_asked() -> None:
    head = b"POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    assert talk(head).startswith(b"HTTP/1.1 404 ")
