"""Who is cancelled waits for the thread, however often."""

import asyncio
import threading

import pytest

from sampan.engine.builds.threads import in_thread, whole


def test_a_result_and_an_error() -> None:
    assert asyncio.run(in_thread(int, "7")) == 7
    with pytest.raises(ValueError, match="invalid literal"):
        asyncio.run(in_thread(int, "x"))


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("fails", [False, True])
def test_cancelled_in_the_middle(times: int, fails: bool) -> None:
    begun, go, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go.wait(10)
        done.set()
        if fails:
            raise OSError("too late to matter")

    async def cancelling() -> None:
        task = asyncio.ensure_future(in_thread(work))
        while not begun.is_set():
            await asyncio.sleep(0)
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
            assert not task.done()
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert done.is_set()

    asyncio.run(cancelling())


def test_cleaning_up_goes_on() -> None:
    steps: list[str] = []

    async def cleaning() -> None:
        await asyncio.sleep(0)
        steps.append("cleaned")

    async def cancelling() -> None:
        task = asyncio.ensure_future(whole(cleaning()))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(cancelling())
    assert steps == ["cleaned"]
