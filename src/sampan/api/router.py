"""(method, path) → handler, for every version prefix of the API and for none."""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from sampan.api import status
from sampan.api.messages import Answer, Handler, Request, Response
from sampan.errors import InvalidArgument

NEWEST = (1, 51)
OLDEST = (1, 24)
_PREFIX = re.compile(r"/v([0-9]{1,3})\.([0-9]{1,3})(?=/)")


class Route(NamedTuple):
    """`pattern`: segments between slashes; `{name}` takes one segment, `{name:path}` takes what is there,
    slashes included (image names). `cancellable`: the handler only reads or waits, so it ends with its
    client; a change of state is finished whether or not somebody still listens."""

    method: str
    pattern: str
    handler: Handler
    cancellable: bool = False


class _Compiled(NamedTuple):
    method: str
    match: Callable[[str], re.Match[str] | None]
    route: Route


class Router:
    """A table that is compiled once. Routes are tried in the order given, among those that share their
    first segment."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_head: dict[str, list[_Compiled]] = {}
        for route in routes:
            match = re.compile(expression(route.pattern), re.DOTALL).fullmatch
            head = route.pattern.split("/")[1]
            self._by_head.setdefault(head, []).append(_Compiled(route.method, match, route))

    async def handle(self, request: Request) -> Answer:
        """Answer a request; whatever goes wrong becomes an answer too."""
        try:
            return await self._find(request)(request)
        except ConnectionError:
            raise
        except RecursionError:
            return status.message(400, "invalid JSON: nested too deeply")
        except Exception as error:
            return status.answer(error)

    def _find(self, request: Request) -> Handler:
        path = _version(request)
        if not path.isascii() or "%" in path:
            path = _decoded(path)
        wanted = "GET" if request.method == "HEAD" else request.method
        for method in dict.fromkeys((request.method, wanted)):
            for compiled in self._by_head.get(path.split("/", 2)[1], ()):
                if compiled.method == method and (found := compiled.match(path)) is not None:
                    request.parameters = found.groupdict()
                    request.cancellable = compiled.route.cancellable
                    return compiled.route.handler
        return _page_not_found


def _version(request: Request) -> str:
    """Take the version prefix off the path into `request.version`."""
    prefix = _PREFIX.match(request.path)
    if prefix is None:
        request.version = NEWEST
        return request.path
    version = (int(prefix[1]), int(prefix[2]))
    text = f"{prefix[1]}.{prefix[2]}"
    if version > NEWEST:
        raise InvalidArgument(
            f"client version {text} is too new. Maximum supported API version is {NEWEST[0]}.{NEWEST[1]}"
        )
    if version < OLDEST:
        raise InvalidArgument(
            f"client version {text} is too old. Minimum supported API version is {OLDEST[0]}.{OLDEST[1]},"
            " please upgrade your client to a newer version"
        )
    request.version = version
    return request.path[prefix.end() :]


def _decoded(path: str) -> str:
    raw = unquote_to_bytes(path)
    if b"\0" in raw:
        raise InvalidArgument("invalid path: it contains a NUL byte")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise InvalidArgument("invalid path: it is not UTF-8") from None


def expression(pattern: str) -> str:
    """The regular expression that a pattern of the table stands for."""
    parts = re.split(r"\{(\w+)(:path)?\}", pattern)
    text = re.escape(parts[0])
    for name, anything, literal in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        text += f"(?P<{name}>{'.+' if anything else '[^/]+'})" + re.escape(literal)
    return text


async def _page_not_found(request: Request) -> Response:
    return status.message(404, "page not found")
