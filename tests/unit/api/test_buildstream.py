"""A build's events as the classic builder's lines: in the order of the file, whatever happens first."""

import asyncio
import json
from typing import Any

import pytest

from sampan.api import buildstream
from sampan.engine.builds.build import Built
from sampan.engine.builds.events import Begun, Ended, Note, Output, Planned, Report, Running, Vertex
from sampan.engine.builds.request import BuildFailed
from sampan.errors import InvalidArgument

ONE, TWO = (Vertex(number, f"[{number}/2]", number, f"RUN {number}") for number in (1, 2))


async def lines(work: buildstream.Work, *, traced: bool = False, quiet: bool = False) -> list[dict[str, Any]]:
    stream = await buildstream.streamed(work, traced=traced, quiet=quiet)
    return [json.loads(piece) for piece in [piece async for piece in stream.chunks]]


async def building(report: Report) -> Built:
    report(Planned(2))
    for event in (
        Begun(ONE), Begun(TWO), Running(TWO, "b" * 64), Output(TWO, b"from two\n"),
        Ended(TWO, identity="2" * 64), Output(ONE, b"from one\n"),
        Ended(ONE, cached=True, identity="1" * 64), Note("a note\n"),
    ):  # fmt: skip
        report(event)
    return Built("sha256:" + "c" * 64, ["t:latest"], 0)


def test_the_classic_lines() -> None:
    found = asyncio.run(lines(building))
    assert "".join(line.get("stream", "") for line in found) == (
        "Step 1/2 : RUN 1\nfrom one\n ---> Using cache\n ---> 111111111111\n"
        "Step 2/2 : RUN 2\n ---> Running in bbbbbbbbbbbb\nfrom two\n"
        " ---> Removed intermediate container bbbbbbbbbbbb\n ---> 222222222222\n"
        "a note\nSuccessfully built cccccccccccc\nSuccessfully tagged t:latest\n"
    )
    assert {"aux": {"ID": "sha256:" + "c" * 64}} in found


def test_quiet_is_the_id() -> None:
    assert asyncio.run(lines(building, quiet=True)) == [{"stream": "sha256:" + "c" * 64 + "\n"}]


def test_our_own_client_gets_every_event() -> None:
    found = asyncio.run(lines(building, traced=True))
    assert found[0] == {"id": buildstream.TRACE, "aux": {"begun": 1, "name": "[1/2]", "quiet": False}}
    assert found[-1]["aux"]["tags"] == ["t:latest"]


def test_an_error_before_anything_was_said_is_an_answer_of_its_own() -> None:
    async def fails(_report: Report) -> Built:
        raise InvalidArgument("no")

    with pytest.raises(InvalidArgument, match="no"):
        asyncio.run(lines(fails))


def test_an_error_later_is_a_line() -> None:
    async def fails(report: Report) -> Built:
        report(Planned(1))
        report(Begun(ONE))
        await asyncio.sleep(0)
        raise BuildFailed("it broke", excerpt="Dockerfile:1", code=3, debug="d", process="p")

    last = asyncio.run(lines(fails))[-1]
    assert last["error"] == "it broke"
    assert last["errorDetail"] == {
        "message": "it broke", "code": 3, "excerpt": "Dockerfile:1", "process": "p", "debug": "d",
    }  # fmt: skip


def test_the_work_ends_with_its_client() -> None:
    ended: list[str] = []

    async def endless(report: Report) -> Built:
        report(Planned(1))
        report(Begun(ONE))
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append("cancelled")
        raise AssertionError

    async def client() -> None:
        stream = await buildstream.streamed(endless, traced=False, quiet=False)
        await anext(stream.chunks)
        await stream.chunks.aclose()  # type: ignore[attr-defined]

    asyncio.run(client())
    assert ended == ["cancelled"]
