"""Names and identifiers."""

import pytest

from sampan.engine import names
from sampan.errors import InvalidArgument


@pytest.mark.parametrize("name", ["ab", "a-b", "a.b_c", "0a", "/web", "A" * 255])
def test_names(name: str) -> None:
    assert names.check_name(name) == name.removeprefix("/")


@pytest.mark.parametrize(
    "name", ["a", "", "-a", ".a", "a/b", "../x", "a b", "a\n", "ä1", "a" * 256, "//ab", "a\0b"]
)
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        names.check_name(name)
    assert str(error.value) == f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"


def test_an_id_is_never_a_number() -> None:
    for _ in range(1000):
        identity = names.new_id()
        assert len(identity) == 64
        assert not identity[:12].isdecimal()


def test_a_generated_name_is_a_name() -> None:
    name = names.generate(lambda _: False, "0" * 64)
    assert names.check_name(name) == name
    adjective, surname = name.split("_")
    assert adjective in names.ADJECTIVES
    assert surname in names.SURNAMES


def test_a_collision_appends_a_digit_and_in_the_end_takes_the_id() -> None:
    seen: list[str] = []

    def taken(name: str) -> bool:
        seen.append(name)
        return True

    assert names.generate(taken, "abc" * 30) == ("abc" * 30)[:12]
    assert len(seen) == 6
    assert not seen[0][-1].isdigit()
    assert all(name[-1].isdigit() for name in seen[1:])


def test_the_words_are_words() -> None:
    assert len(set(names.ADJECTIVES)) == len(names.ADJECTIVES)
    assert len(set(names.SURNAMES)) == len(names.SURNAMES)
    assert all(
        word.isascii() and word.isalpha() and word.islower() for word in names.ADJECTIVES + names.SURNAMES
    )
