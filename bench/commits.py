"""`commit` of a large change: one file, and many; of a container that has ended, and of one that runs."""

from engine import PREFIX, Engine
from rounds import OURS, Bar, Case, Row, compare

from harness.waiting import until

_GIGABYTE = "dd if=/dev/urandom of=/big bs=1M count=1024 2>/dev/null"
_MANY = (
    "d=0; while [ $d -lt 200 ]; do mkdir -p /many/$d; f=0;"
    " while [ $f -lt 100 ]; do echo $d $f > /many/$d/$f; f=$((f+1)); done; d=$((d+1)); done"
)


def measure(ours: Engine, peer: Engine, rounds: int) -> list[Row]:
    engines = {OURS: ours, "docker": peer}
    rows = []
    for title, script, seconds in (("1 GB", _GIGABYTE, 0.05), ("20,000 files", _MANY, 0.1)):
        for running in (False, True):
            rows.append(compare(_case(engines, title, script, seconds, running=running), engines, rounds))
    return rows


def _case(engines: dict[str, Engine], title: str, script: str, seconds: float, *, running: bool) -> Case:
    word = "running" if running else "stopped"
    label = f"{title.split(maxsplit=1)[0].replace(',', '')}-{word}"

    def name(number: int) -> str:
        return f"{PREFIX}{label}-{number}"

    def prepare(contender: str, number: int) -> None:
        engine = engines[contender]
        after = "; touch /done; exec sleep 100000" if running else ""
        arguments = ["run", *(["-d"] if running else []), "--name", name(number), "busybox"]
        engine(*arguments, "sh", "-c", script + after)
        if running:
            until(lambda: _is_done(engine, name(number)), 120, "the files of the container")

    bar = Bar(f"{seconds * 1e3:.0f} ms", seconds)
    return Case(
        f"commit of {title}, {word}",
        [bar],
        lambda _, number: ["commit", name(number), f"{label}:{number}"],
        prepare,
    )


def _is_done(engine: Engine, name: str) -> bool:
    return engine("exec", name, "sh", "-c", "ls /done 2>/dev/null || true") == "/done"
