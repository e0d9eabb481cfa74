"""What makes two trees the same for the cache, and what is remembered of files."""

import os
import random
import time
from contextlib import closing
from pathlib import Path

from sampan.build import hashing, owners
from sampan.build.hashing import Hashes
from sampan.build.select import Selected, entries, select
from sampan.build.views import DirectoryView, resolve


def digest(path: Path, hashes: Hashes) -> bytes:
    with closing(DirectoryView(str(path))) as view:
        top = resolve(view, "")
        assert top is not None
        return hashing.digest(view, entries(view, Selected(top, ""), None), hashes, owners=False)


def test_times_do_not_count_and_the_rest_does(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/f").write_text("one")
    hashes, seen = Hashes(), set()
    first = digest(tmp_path, hashes)
    os.utime(tmp_path / "d/f", (1, 1))
    assert digest(tmp_path, hashes) == first
    for change in (
        lambda: (tmp_path / "d/f").write_text("two"),
        lambda: os.chmod(tmp_path / "d/f", 0o700),
        lambda: os.rename(tmp_path / "d/f", tmp_path / "d/g"),
        lambda: os.symlink("g", tmp_path / "d/f"),
    ):
        change()
        seen.add(digest(tmp_path, hashes))
    assert len(seen | {first}) == 5


def test_a_file_that_has_just_changed_is_not_remembered(tmp_path: Path) -> None:
    """Same size, same time: only the content tells."""
    hashes = Hashes()
    (tmp_path / "f").write_text("aaa")
    first = digest(tmp_path, hashes)
    with open(tmp_path / "f", "r+") as file:
        file.write("bbb")
    assert digest(tmp_path, hashes) != first


def test_no_change_escapes_however_soon_it_comes(tmp_path: Path) -> None:
    hashes, chance = Hashes(), random.Random(1)
    for number in range(60):
        (tmp_path / "f").write_text(f"{number:03}a")
        time.sleep(chance.choice((0, 0.001, 0.005, 0.025)))
        first = digest(tmp_path, hashes)
        (tmp_path / "f").write_text(f"{number:03}b")
        assert digest(tmp_path, hashes) != first


def test_selection(tmp_path: Path) -> None:
    for name in ("a.c", "b.c", "src/x/m.c", "src/y/n.c", "src/y/n.h"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    with closing(DirectoryView(str(tmp_path))) as view:

        def names(*paths: str, parents: bool = False) -> list[tuple[str, str]]:
            return [(one.top.path, one.name) for one in select(view, paths, parents=parents)]

        assert names("*.c") == [("a.c", "a.c"), ("b.c", "b.c")]
        assert names("/src/") == [("src", "")]
        assert names("src/*/?.c") == [("src/x/m.c", "m.c"), ("src/y/n.c", "n.c")]
        assert names("src/./y/n.c", parents=True) == [("src/y/n.c", "y/n.c")]
        assert names("**/*.h", parents=True) == [("src/y/n.h", "src/y/n.h")]
        assert names("no*") == []


def test_modes() -> None:
    cases = {
        ("0640", 0o100777): 0o640, ("u+x", 0o100644): 0o744, ("go-r,u=rwx", 0o100644): 0o700,
        ("a=rX", 0o100600): 0o444, ("a=rX", 0o040700): 0o555, ("u+s,+t", 0o100755): 0o5755,
        ("g=u", 0o100640): 0o660, ("", 0o102755): 0o2755,
    }  # fmt: skip
    assert {key: owners.mode(*key) for key in cases} == cases
