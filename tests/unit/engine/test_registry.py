"""How a user's word for a container is understood."""

import pytest

from sampan.engine.containers.config import Config, HostConfig, NetworkingConfig
from sampan.engine.containers.record import Container, Definition
from sampan.engine.registry import Registry
from sampan.errors import Conflict, InvalidArgument, NotFound


def container(identity: str, name: str) -> Container:
    return Container(
        Definition(
            id=identity.ljust(64, "0"), name=name, created=1, image_id="sha256:0", path="x", args=[],
            config=Config(),
            host_config=HostConfig(), networking=NetworkingConfig(), mounts=[], lowerdirs=[], masked=[],
        )
    )  # fmt: skip


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    for identity, name in (("aa1", "web"), ("aa2", "db"), ("b", "aa1")):
        one = container(identity, name)
        registry.reserve_name(name, one.id)
        registry.add(one)
    return registry


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("web", "web"),
        ("/web", "web"),
        ("b", "aa1"),
        ("aa2", "db"),
        ("aa1", "aa1"),
        ("aa1".ljust(64, "0"), "web"),
    ],
)
def test_full_id_then_name_then_prefix(registry: Registry, word: str, name: str) -> None:
    assert registry.find(word).name == name


def test_several(registry: Registry) -> None:
    with pytest.raises(InvalidArgument) as error:
        registry.find("aa")
    assert str(error.value) == "multiple IDs found with provided prefix: aa"


@pytest.mark.parametrize("word", ["", "zz", "we", "c"])
def test_none(registry: Registry, word: str) -> None:
    with pytest.raises(NotFound) as error:
        registry.find(word)
    assert str(error.value) == f"No such container: {word}"


def test_a_name_is_taken_until_its_holder_is_gone(registry: Registry) -> None:
    with pytest.raises(Conflict) as error:
        registry.reserve_name("web", "x")
    assert str(error.value).startswith(
        'Conflict. The container name "/web" is already in use by container "aa10'
    )
    registry.discard(registry.find("web"))
    registry.reserve_name("web", "x")
    registry.release_name("web", "somebody else")
    assert registry.name_taken("web")
