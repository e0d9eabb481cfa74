import asyncio
from pathlib import Path

from sampan.engine.logfollow import LogWatch, follow
from sampan.runtime.logreader import LogReader
from sampan.runtime.logs import LogFile


def record(number: int) -> bytes:
    return b'{"log":"%d\\n","stream":"stdout","time":"2026-01-01T00:00:00Z"}\n' % number


def test_follow_over_rotations_to_the_end(tmp_path: Path) -> None:
    async def body() -> None:
        watch = LogWatch()
        path = str(tmp_path / "log")
        log = LogFile(path, max_size=300, max_file=100)
        stopped = asyncio.get_running_loop().create_future()
        seen: list[int] = []
        news = asyncio.Event()

        async def reader() -> None:
            with LogReader(path) as source:
                async for batch in follow(watch, path, source, stopped):
                    seen.extend(int(one.line) for one in batch)
                    news.set()

        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(reader())
            for number in range(50):
                log.append(record(number))
                if number % 10 == 0:  # the reader keeps up, and falls behind
                    while number not in seen:
                        news.clear()
                        await news.wait()
            log.append(record(50))
            stopped.set_result(None)
        assert seen == list(range(51))
        log.close()
        watch.close()

    asyncio.run(body())
