"""`--volumes-from`: its grammar."""

import pytest

from sampan.engine.containers import volumes_from
from sampan.errors import InvalidArgument


@pytest.mark.parametrize(
    ("spec", "parsed"),
    [("a", ("a", [])), ("a:ro", ("a", ["ro"])), ("a:rw,z", ("a", ["rw", "z"])), ("a:Z", ("a", ["Z"]))],
)
def test_right(spec: str, parsed: tuple[str, list[str]]) -> None:
    assert volumes_from.parse(spec) == parsed


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "volumes-from specification cannot be an empty string"),
        ("a:,", "invalid mode: ,"),
        ("a:zz", "invalid mode: zz"),
        ("a:ro,rw", "invalid mode: ro,rw"),
        ("a:nocopy", "invalid mode: nocopy"),
        ("a:rslave", "invalid mode: rslave"),
    ],
)
def test_wrong(spec: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        volumes_from.parse(spec)
    assert str(error.value) == message
