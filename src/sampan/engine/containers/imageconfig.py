"""The configuration of an image that is made of a container: how the container runs becomes how the image's
containers run, what the client sent and the instructions of `--change` win over it."""

from typing import NamedTuple

import msgspec

from sampan.build.amend import amended
from sampan.engine.containers.config import Config as ContainerConfig
from sampan.engine.containers.defaults import merge_image
from sampan.oci.image import Config, Health, History, ImageConfig, RootFs, check_run_config


class Draft(NamedTuple):
    """All but the layers."""

    run: Config
    author: str
    message: str
    command: list[str]  # of the container, for the history


def draft(
    container: ContainerConfig,
    asked: ContainerConfig | None,
    changes: list[str],
    *,
    author: str,
    message: str,
) -> Draft:
    """Raises InvalidArgument."""
    own = of_container(container)
    if asked is None:
        run = amended(own, changes)
    else:
        run = amended(of_container(asked), changes)
        run = of_container(merge_image(_back(run), own))
    check_run_config(run)
    command = [container.cmd] if isinstance(container.cmd, str) else list(container.cmd or ())
    return Draft(run, author, message, command)


def document(drafted: Draft, parent: ImageConfig, diff_ids: list[str], added: int, now: str) -> bytes:
    """`diff_ids`: of all layers; the last `added` of them are the container's. One step of the history for
    each, but one at least."""
    step = History(
        created=now,
        created_by=" ".join(drafted.command) or None,
        author=drafted.author or None,
        comment=drafted.message or None,
        empty_layer=None if added else True,
    )
    return msgspec.json.encode(
        ImageConfig(
            rootfs=RootFs("layers", diff_ids),
            architecture=parent.architecture,
            os=parent.os,
            variant=parent.variant,
            created=now,
            author=drafted.author or None,
            comment=drafted.message or None,
            config=drafted.run,
            history=[*(parent.history or ()), *[step] * max(added, 1)],
        )
    )


def of_container(config: ContainerConfig) -> Config:
    health = config.healthcheck
    return Config(
        User=config.user or None,
        ExposedPorts=dict(config.exposed_ports or {}) or None,
        Env=list(config.env or ()) or None,
        Entrypoint=config.entrypoint or None,
        Cmd=config.cmd or None,
        Volumes={path: {} for path in config.volumes or ()} or None,
        WorkingDir=config.working_dir or None,
        Labels=dict(config.labels or {}) or None,
        StopSignal=config.stop_signal or None,
        StopTimeout=config.stop_timeout,
        Healthcheck=Health(
            Test=health.test,
            Interval=health.interval or None,
            Timeout=health.timeout or None,
            StartPeriod=health.start_period or None,
            StartInterval=health.start_interval or None,
            Retries=health.retries or None,
        )
        if health is not None and health.test
        else None,
        Shell=config.shell,
        OnBuild=config.on_build,
    )


def _back(config: Config) -> ContainerConfig:
    return msgspec.convert(msgspec.to_builtins(config), ContainerConfig)
