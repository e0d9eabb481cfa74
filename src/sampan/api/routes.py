"""The table of the Engine API: what is served, and by which function."""

from collections.abc import Awaitable, Callable
from functools import partial

from sampan.api import (
    absent,
    archive,
    build,
    commit,
    containers,
    exec,
    images,
    moves,
    networks,
    system,
    volumes,
    watching,
    websocket,
)
from sampan.api.messages import Answer, Request
from sampan.api.router import Route, Router
from sampan.engine.engine import Engine

_Handler = Callable[[Engine, Request], Awaitable[Answer]]
_READ = True  # reads or waits: ends with its client
_CHANGE = False  # is finished even if its client goes away
_TABLE: list[tuple[str, str, _Handler, bool]] = [
    ("GET", "/_ping", system.ping, _READ),
    ("GET", "/version", system.version, _READ),
    ("GET", "/info", system.info, _READ),
    ("GET", "/events", system.listen, _READ),
    ("GET", "/system/df", system.df, _READ),
    ("POST", "/auth", moves.auth, _READ),
    ("GET", "/containers/json", containers.listing, _READ),
    ("POST", "/containers/create", containers.create, _CHANGE),
    ("POST", "/containers/prune", containers.prune, _CHANGE),
    ("GET", "/containers/{id}/json", containers.inspect, _READ),
    ("POST", "/containers/{id}/start", containers.start, _CHANGE),
    ("POST", "/containers/{id}/stop", containers.stop, _CHANGE),
    ("POST", "/containers/{id}/restart", containers.restart, _CHANGE),
    ("POST", "/containers/{id}/kill", containers.kill, _CHANGE),
    ("POST", "/containers/{id}/pause", containers.pause, _CHANGE),
    ("POST", "/containers/{id}/unpause", containers.unpause, _CHANGE),
    ("GET", "/containers/{id}/top", watching.top, _READ),
    ("GET", "/containers/{id}/changes", watching.changes, _READ),
    ("GET", "/containers/{id}/stats", watching.stats, _READ),
    ("POST", "/containers/{id}/update", containers.update, _CHANGE),
    ("POST", "/containers/{id}/rename", containers.rename, _CHANGE),
    ("POST", "/containers/{id}/resize", containers.resize, _CHANGE),
    ("POST", "/containers/{id}/wait", containers.wait, _READ),
    ("GET", "/containers/{id}/logs", containers.logs, _READ),
    ("DELETE", "/containers/{id}/logs", containers.clear_logs, _CHANGE),
    ("POST", "/containers/{id}/attach", containers.attach, _READ),
    ("GET", "/containers/{id}/attach/ws", websocket.attach, _READ),
    ("POST", "/containers/{id}/exec", exec.create, _CHANGE),
    ("POST", "/commit", commit.commit, _CHANGE),
    ("HEAD", "/containers/{id}/archive", archive.head, _READ),
    ("GET", "/containers/{id}/archive", archive.get, _READ),
    ("PUT", "/containers/{id}/archive", archive.put, _CHANGE),
    ("GET", "/containers/{id}/export", archive.export, _READ),
    ("DELETE", "/containers/{id:path}", containers.remove, _CHANGE),  # with link=1 it is PARENT/ALIAS
    ("POST", "/exec/{id}/start", exec.start, _CHANGE),
    ("POST", "/exec/{id}/resize", exec.resize, _CHANGE),
    ("GET", "/exec/{id}/json", exec.inspect, _READ),
    ("GET", "/images/json", images.listed, _READ),
    ("GET", "/images/search", images.search, _READ),
    ("POST", "/images/create", images.create, _READ),
    ("POST", "/images/load", images.loaded, _READ),
    ("GET", "/images/{name:path}/json", images.inspect, _READ),
    ("GET", "/images/{name:path}/history", images.history, _READ),
    ("POST", "/images/{name:path}/tag", images.tagged, _CHANGE),
    ("GET", "/images/get", moves.save_many, _READ),
    ("GET", "/images/{name:path}/get", moves.save_one, _READ),
    ("POST", "/images/{name:path}/push", moves.push, _READ),
    ("GET", "/distribution/{name:path}/json", moves.distribution, _READ),
    ("POST", "/images/prune", images.prune, _CHANGE),
    ("DELETE", "/images/{name:path}", images.remove, _CHANGE),
    ("POST", "/build", build.create, _READ),
    ("POST", "/build/prune", build.pruned, _CHANGE),
    ("POST", "/build/cache", build.cache, _READ),
    ("POST", "/build/cancel", build.cancelled, _CHANGE),
    ("POST", "/build/debug", build.debugged, _CHANGE),
    ("GET", "/volumes", volumes.listing, _READ),
    ("POST", "/volumes/prune", volumes.prune, _CHANGE),
    ("POST", "/volumes/create", volumes.create, _CHANGE),
    ("GET", "/volumes/{name}", volumes.inspect, _READ),
    ("DELETE", "/volumes/{name}", volumes.remove, _CHANGE),
    ("GET", "/networks", networks.listing, _READ),
    ("GET", "/networks/{id}", networks.inspect, _READ),
    ("POST", "/networks/prune", networks.prune, _CHANGE),
    ("POST", "/networks/create", networks.create, _CHANGE),
    ("POST", "/networks/{id}/connect", networks.connect, _CHANGE),
    ("POST", "/networks/{id}/disconnect", networks.disconnect, _CHANGE),
    ("DELETE", "/networks/{id}", networks.remove, _CHANGE),
    ("GET", "/plugins", absent.no_plugins, _READ),
    ("GET", "/plugins/privileges", absent.no_plugin_ever, _READ),
    ("POST", "/plugins/pull", absent.no_plugin_ever, _READ),
    ("POST", "/plugins/create", absent.no_plugin_ever, _READ),
    ("GET", "/plugins/{name:path}/json", absent.no_plugin, _READ),
    ("DELETE", "/plugins/{name:path}", absent.no_plugin, _READ),
    *(
        ("POST", f"/plugins/{{name:path}}/{verb}", absent.no_plugin, _READ)
        for verb in ("enable", "disable", "upgrade", "push", "set")
    ),
    ("POST", "/swarm/init", absent.no_swarm_ever, _READ),
    ("POST", "/swarm/join", absent.no_swarm_ever, _READ),
    ("POST", "/swarm/leave", absent.no_swarm_left, _READ),
]
# Pages of the Engine API that this version does not serve yet: 501 with a clear sentence, not 404.
_LATER = (
    ("POST", "/session"),
    ("POST", "/grpc"),

)  # fmt: skip
_SWARM = ("swarm", "nodes", "services", "tasks", "secrets", "configs")


def table() -> list[tuple[str, str, _Handler, bool]]:
    """Every page: (method, pattern, handler, whether it ends with its client)."""
    table = list(_TABLE)
    table += [(method, pattern, absent.not_yet, _READ) for method, pattern in _LATER]
    for page in _SWARM:
        for method in ("GET", "POST", "DELETE"):
            table += [
                (method, f"/{page}", absent.no_swarm, _READ),
                (method, f"/{page}/{{rest:path}}", absent.no_swarm, _READ),
            ]
    return table


def router(engine: Engine) -> Router:
    return Router(
        Route(method, pattern, partial(handler, engine), cancellable)
        for method, pattern, handler, cancellable in table()
    )
