import pytest

from sampan.compose.observe import Container
from sampan.compose.unfinished import is_temporary, sorted_out, temporary

HEX = "0123456789ab"


def container(name: str, replaces: str = "") -> Container:
    return Container(name, name, "web", 1, "created", replaces=replaces)


def plan(*found: Container) -> tuple[list[str], list[str]]:
    kept, steps = sorted_out(found, lambda item: "p-web-1")
    return [item.name for item in kept], [str(step) for step in steps]


def test_names() -> None:
    assert temporary("p-web-1", "0123456789abcdef") == f"{HEX}_p-web-1"
    assert is_temporary(temporary("p-web-1"), "p-web-1")
    for name in ("p-web-1", "_p-web-1", f"{HEX}_p-web-2", f"{HEX}c_p-web-1", "0123456789aX_p-web-1"):
        assert not is_temporary(name, "p-web-1")


def test_nothing_is_done_about_what_is_finished() -> None:
    assert plan(container("p-web-1"), container("p_web_1", "p-web-1")) == (["p-web-1", "p_web_1"], [])


@pytest.mark.parametrize("old", ["p-web-1", "p_web_1"])
def test_a_successor_beside_its_predecessor_goes(old: str) -> None:
    kept, steps = plan(container(old), container(f"{HEX}_p-web-1", old))
    assert kept == [old]
    assert steps == [f"remove container {HEX}_p-web-1: an up before was cut short"]


def test_a_successor_alone_takes_the_name() -> None:
    kept, steps = plan(container(f"{HEX}_p-web-1", "p-web-1"))
    assert kept == ["p-web-1"]
    assert steps == [f"rename container {HEX}_p-web-1 to p-web-1: an up before was cut short"]


def test_of_two_successors_one_takes_the_name() -> None:
    kept, steps = plan(container(f"{HEX}_p-web-1", "p-web-1"), container("f" * 12 + "_p-web-1", "p-web-1"))
    assert kept == ["p-web-1"]
    assert [step.split()[0] for step in steps] == ["rename", "remove"]


def test_what_succeeds_nobody_may_lack_something() -> None:
    assert plan(container(f"{HEX}_p-web-1"))[0] == []
