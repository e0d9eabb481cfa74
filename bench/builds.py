"""`build`, beside BuildKit and the classic builder of the same docker daemon."""

from pathlib import Path

from engine import Engine
from rounds import OURS, Bar, Case, Row, compare

BUILDKIT, CLASSIC = "BuildKit", "classic"
_FILES = 20_000
_STEPS = 10


def contenders(ours: Engine, peer: Engine) -> dict[str, Engine]:
    return {
        OURS: ours,
        BUILDKIT: peer._replace(environment={"DOCKER_BUILDKIT": "1"}),
        CLASSIC: peer._replace(environment={"DOCKER_BUILDKIT": "0"}),
    }


def measure(root: Path, ours: Engine, peer: Engine, rounds: int) -> list[Row]:
    steps, files = root / "steps", root / "files"
    steps.mkdir()
    made = "".join(f"RUN echo {number} > /{number}\n" for number in range(_STEPS))
    (steps / "Dockerfile").write_text(f"FROM busybox\n{made}")
    write_tree(files / "tree", _FILES)
    (files / "Dockerfile").write_text("FROM busybox\nCOPY tree /tree\n")
    builders = contenders(ours, peer)
    return [compare(case, builders, rounds) for case in _cases(steps, files)]


def _cases(steps: Path, files: Path) -> list[Case]:
    def cached(directory: Path, title: str, *bars: Bar) -> Case:
        return Case(
            title,
            bars,
            lambda _, __: ["build", "-q", "-t", f"{directory.name}:cached", str(directory)],
            warm=True,
        )

    def uncached(directory: Path, title: str, *bars: Bar) -> Case:
        # A tag of its own for each: nothing is deleted while something is measured.
        return Case(
            title,
            bars,
            lambda name, number: [
                *("build", "--no-cache", "-q", "-t", f"{directory.name}:{name.lower()}-{number}"),
                str(directory),
            ],
        )

    return [
        uncached(steps, "ten RUN steps, uncached", Bar("1/4", 1 / 4, BUILDKIT)),
        cached(steps, "ten RUN steps, cached", Bar("60 ms", 0.06)),
        uncached(files, "COPY of 20,000 files, uncached", Bar("1", 1, BUILDKIT)),
        cached(files, "COPY of 20,000 files, cached", Bar("1/2", 1 / 2, BUILDKIT)),
    ]


def write_tree(root: Path, count: int, salt: str = "") -> None:
    """Small files, a hundred in each directory."""
    for number in range(count):
        directory = root / f"{number // 100:03}"
        if not number % 100:
            directory.mkdir(parents=True)
        (directory / f"{number}.txt").write_text(f"{salt}file number {number}\n" * 20)
