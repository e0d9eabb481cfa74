"""POST /commit."""

from sampan.api.messages import Request, Response
from sampan.api.query import Query
from sampan.api.system import json
from sampan.api.types import checked_body, decode
from sampan.engine.containers import commit as committing
from sampan.engine.containers.config import Config
from sampan.engine.engine import Engine


async def commit(engine: Engine, request: Request) -> Response:
    query = Query(request.query)
    body = await checked_body(request)
    given = body.strip() not in (b"", b"null", b"{}")
    wanted = committing.Wanted(
        query.text("repo"),
        query.text("tag"),
        query.text("author"),
        query.text("comment"),
        tuple(query.many("changes")),
        pause=query.flag("pause", default=True),
        config=decode(body, Config) if given else None,
    )
    container = engine.containers.find(query.text("container"))
    return json({"Id": await committing.commit(engine, container, wanted)}, 201)
