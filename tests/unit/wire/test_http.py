"""The client's half of HTTP/1.1."""

import pytest

from sampan.wire import http

HEAD = b"HTTP/1.1 200 OK\r\n"


def feed(response: http.Response, data: bytes, size: int) -> bytes:
    return b"".join(response.feed(data[start : start + size]) for start in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
class TestInPieces:
    def test_content_length(self, size: int) -> None:
        response = http.Response("GET")
        assert feed(response, HEAD + b"Content-Length: 5\r\n\r\nhello", size) == b"hello"
        assert response.complete
        assert response.reusable()
        assert response.status == 200
        assert response.reason == "OK"

    def test_chunked_with_extension_and_trailer(self, size: int) -> None:
        body = b"5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\n"
        response = http.Response("GET")
        assert feed(response, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body, size) == b"hello world"
        assert response.complete
        assert response.rest == b""

    def test_until_close(self, size: int) -> None:
        response = http.Response("GET")
        assert feed(response, HEAD + b"\r\nhello", size) == b"hello"
        assert not response.complete
        response.end()
        assert response.complete
        assert not response.reusable()

    def test_upgrade_hands_back_what_follows(self, size: int) -> None:
        response = http.Response("POST")
        data = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nraw bytes"
        assert feed(response, data, size) == b""
        assert response.status == 101
        assert response.rest == b"raw bytes"
        assert not response.reusable()

    def test_interim_response_is_passed_over(self, size: int) -> None:
        response = http.Response("POST")
        data = b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Content-Length: 2\r\n\r\nok"
        assert feed(response, data, size) == b"ok"
        assert response.status == 200


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("POST", 304)])
def test_no_body(method: str, status: int) -> None:
    response = http.Response(method)
    response.feed(b"HTTP/1.1 %d X\r\nContent-Length: 5\r\n\r\n" % status)
    assert response.complete


def test_a_body_cut_short_is_told() -> None:
    response = http.Response("GET")
    response.feed(HEAD + b"Content-Length: 5\r\n\r\nhel")
    with pytest.raises(http.ProtocolError):
        response.end()


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        HEAD + b"no colon\r\n\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Content-Length: 1_0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1_0\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 5000,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
    ],
)
def test_what_is_no_http_is_refused(data: bytes) -> None:
    with pytest.raises(http.ProtocolError):
        http.Response("GET").feed(data)


def test_request() -> None:
    assert http.request("POST", "/x?a=b", [("X-Y", "z")], b"{}") == (
        b"POST /x?a=b HTTP/1.1\r\nHost: docker\r\nUser-Agent: sampan\r\nX-Y: z\r\nContent-Length: 2\r\n\r\n{}"
    )


def test_an_empty_post_has_a_length_and_a_get_has_none() -> None:
    assert b"Content-Length: 0" in http.request("POST", "/", (), b"")
    assert b"Content-Length" not in http.request("GET", "/", (), b"")
    assert b"Content-Length" not in http.request("POST", "/")  # a body in chunks follows


def test_chunk() -> None:
    assert http.chunk(b"x" * 16) == b"10\r\n" + b"x" * 16 + b"\r\n"
    assert http.chunk(b"") == b"0\r\n\r\n"


def test_query_quotes_every_byte_that_is_not_unreserved() -> None:
    assert http.query([("a", "x y&z=é/%")]) == "?a=x%20y%26z%3D%C3%A9%2F%25"
    assert http.query([]) == ""
    assert http.quote("a/b:c@d e", "/:@") == "a/b:c@d%20e"
    assert http.quote("\udce9") == "%E9"
