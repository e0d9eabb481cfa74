import pytest

from sampan.engine.images.changes import apply
from sampan.errors import InvalidArgument
from sampan.oci.image import Config


def changed(*lines: str) -> Config:
    config = Config()
    apply(config, list(lines))
    return config


def test_commands() -> None:
    assert changed('CMD ["a", "b"]').Cmd == ["a", "b"]
    assert changed("CMD a b").Cmd == ["/bin/sh", "-c", "a b"]
    assert changed('entrypoint ["x"]').Entrypoint == ["x"]
    assert changed('CMD ["a", 1]').Cmd == ["/bin/sh", "-c", '["a", 1]']


def test_environment() -> None:
    assert changed('ENV a=b c="d e"', "ENV a=z").Env == ["a=z", "c=d e"]
    assert changed("ENV name the whole rest").Env == ["name=the whole rest"]


def test_ports() -> None:
    ports = changed("EXPOSE 80 53/UDP 8000-8002").ExposedPorts
    assert list(ports or {}) == ["80/tcp", "53/udp", "8000/tcp", "8001/tcp", "8002/tcp"]


def test_the_rest() -> None:
    config = changed(
        "USER me", "WORKDIR /a", "WORKDIR b", "VOLUME /v /w", 'VOLUME ["/x y"]', "LABEL a=b\nLABEL c d"
    )
    assert (config.User, config.WorkingDir) == ("me", "/a/b")
    assert list(config.Volumes or {}) == ["/v", "/w", "/x y"]
    assert config.Labels == {"a": "b", "c": "d"}


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("RUN x", "RUN is not a valid change command"),
        ("CMD", "requires at least one argument"),
        ("EXPOSE 99999", "invalid containerPort"),
        ("EXPOSE 80/icmp", "invalid proto"),
        ("ENV a", "must have two arguments"),
        ("LABEL a=b c", "can't find ="),
        ('ENV a="b', "invalid change"),
    ],
)
def test_mistakes(line: str, text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        changed(line)
