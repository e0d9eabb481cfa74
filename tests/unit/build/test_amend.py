import pytest

from sampan.build.amend import amended
from sampan.errors import InvalidArgument
from sampan.oci.image import Config, Health


def changed(*lines: str) -> Config:
    return amended(Config(), lines)


def test_commands() -> None:
    assert changed('CMD ["a", "b"]').Cmd == ["a", "b"]
    assert changed("CMD a b").Cmd == ["/bin/sh", "-c", "a b"]
    assert changed('entrypoint ["x"]').Entrypoint == ["x"]
    assert changed('CMD ["a", 1]').Cmd == ["/bin/sh", "-c", '["a", 1]']


def test_an_entrypoint_forgets_the_command_that_was_there() -> None:
    config = Config(Cmd=["old"], OnBuild=["RUN x"])
    found = amended(config, ['ENTRYPOINT ["x"]', "ONBUILD RUN y"])
    assert (found.Cmd, found.Entrypoint, found.OnBuild) == (None, ["x"], ["RUN x", "RUN y"])
    assert config == Config(Cmd=["old"], OnBuild=["RUN x"])
    assert amended(config, ['CMD ["new"]', 'ENTRYPOINT ["x"]']).Cmd == ["new"]


def test_variables() -> None:
    found = amended(Config(Env=["P=/a"]), ["ENV P=$P:/b Q=${P}c", "LABEL l=$P", "USER ${Q:-x}"])
    assert (found.Env, found.Labels, found.User) == (["P=/a:/b", "Q=/ac"], {"l": "/a:/b"}, "/ac")


def test_nothing() -> None:
    config = Config(Cmd=["a"])
    assert amended(config, []) == amended(config, ["", " "]) == config


def test_health() -> None:
    found = changed("HEALTHCHECK --interval=1s --retries=2 CMD curl x").Healthcheck
    assert found == Health(Test=["CMD-SHELL", "curl x"], Interval=10**9, Retries=2)
    assert changed("HEALTHCHECK NONE").Healthcheck == Health(Test=["NONE"])


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
        ("run x", "run is not a valid change command"),
        ("ARG x", "ARG is not a valid change command"),
        ("VOLUME", "VOLUME requires at least one argument"),
        ("# nothing", "file with no instructions"),
        ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
        ("HEALTHCHECK FOO", 'Unknown type "FOO" in HEALTHCHECK'),
        ("EXPOSE 99999", "invalid containerPort"),
        ("EXPOSE 80/icmp", "invalid proto"),
        ("ENV a", "must have two arguments"),
        ("LABEL a=b c", "can't find ="),
        ('ENV a="b', "unexpected end of statement while looking for matching double-quote"),
    ],
)
def test_mistakes(line: str, text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        changed(line)
