"""Paths, versions and errors as Docker answers them."""

import asyncio
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from sampan.api.messages import Request, Response
from sampan.api.router import Route, Router
from sampan.errors import Conflict, NotFound


async def _echo(request: Request) -> Response:
    return Response(200, msgspec.json.encode([request.parameters, request.version]))


async def _missing(request: Request) -> Response:
    raise NotFound("No such container: x")


async def _odd(request: Request) -> Response:
    raise LookupError("boom")


ROUTER = Router(
    [
        Route("GET", "/containers/json", _echo),
        Route("GET", "/containers/{id}/json", _echo, cancellable=True),
        Route("GET", "/images/{name:path}/json", _echo),
        Route("DELETE", "/images/{name:path}", _echo),
        Route("GET", "/missing", _missing),
        Route("GET", "/odd", _odd),
    ]
)


def ask(method: str, path: str) -> tuple[int, Any]:
    request: Any = SimpleNamespace(method=method, path=path)
    answer = asyncio.run(ROUTER.handle(request))
    assert isinstance(answer, Response)
    return answer.status, msgspec.json.decode(answer.body)


@pytest.mark.parametrize(
    ("method", "path", "parameters", "version"),
    [
        ("GET", "/containers/json", {}, [1, 51]),
        ("GET", "/v1.24/containers/json", {}, [1, 24]),
        ("GET", "/v1.51/containers/abc/json", {"id": "abc"}, [1, 51]),
        ("GET", "/images/a/b:c/json", {"name": "a/b:c"}, [1, 51]),
        ("GET", "/images/a%2Fb%3Ac/json", {"name": "a/b:c"}, [1, 51]),
        ("DELETE", "/images/localhost:5000/x@sha256:00", {"name": "localhost:5000/x@sha256:00"}, [1, 51]),
        ("HEAD", "/containers/json", {}, [1, 51]),
    ],
)
def test_paths(method: str, path: str, parameters: dict[str, str], version: list[int]) -> None:
    assert ask(method, path) == (200, [parameters, version])


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/nope", 404, "page not found"),
        ("/containers", 404, "page not found"),
        ("/containers/a/b/json", 404, "page not found"),
        (
            "/v1.99/containers/json",
            400,
            "client version 1.99 is too new. Maximum supported API version is 1.51",
        ),
        (
            "/v1.12/containers/json",
            400,
            "client version 1.12 is too old. Minimum supported API version is 1.24,"
            " please upgrade your client to a newer version",
        ),
        ("/containers/%00/json", 400, "invalid path: it contains a NUL byte"),
        ("/containers/%ff/json", 400, "invalid path: it is not UTF-8"),
        ("/missing", 404, "No such container: x"),
        ("/odd", 500, "boom"),
    ],
)
def test_errors(path: str, status: int, message: str) -> None:
    assert ask("GET", path) == (status, {"message": message})


def test_a_subclass_has_the_status_of_its_kind() -> None:
    from sampan.api.status import status_of

    class Special(Conflict):
        pass

    assert status_of(Special("x")) == 409
