"""What a request leaves open: from the image, and from Docker's defaults. Pure."""

from sampan.engine.containers import health, logdrivers
from sampan.engine.containers.config import Config, HostConfig
from sampan.engine.containers.spec import merged
from sampan.engine.facts import Facts
from sampan.errors import InvalidArgument
from sampan.oci import image, runtime


def merge_image(config: Config, from_image: image.Config) -> Config:
    """The image's configuration under the user's, as moby's `merge` does it."""
    config.user = config.user or from_image.User or ""
    config.exposed_ports = (
        {port: {} for port in from_image.ExposedPorts or {}} | (config.exposed_ports or {})
    ) or None
    config.env = merged(from_image.Env or [], config.env or []) if from_image.Env else _plain(config.env)
    config.labels = (from_image.Labels or {}) | (config.labels or {})
    config.entrypoint, config.cmd = _words(config.entrypoint), _words(config.cmd)
    _merge_command(config, from_image)
    config.working_dir = config.working_dir or from_image.WorkingDir or ""
    config.volumes = ({path: {} for path in from_image.Volumes or {}} | (config.volumes or {})) or None
    config.stop_signal = config.stop_signal or from_image.StopSignal or ""
    if config.stop_timeout is None:
        config.stop_timeout = from_image.StopTimeout
    config.shell = config.shell or from_image.Shell
    config.healthcheck = health.merge(config.healthcheck, from_image.Healthcheck)
    return config


def _plain(env: list[str] | None) -> list[str] | None:
    return [entry for entry in env or () if "=" in entry] or None


def _words(value: list[str] | str | None) -> list[str] | None:
    """A string is one shell-less word list for Docker's `strslice`: the string itself."""
    return [value] if isinstance(value, str) else value


def _merge_command(config: Config, from_image: image.Config) -> None:
    """An entrypoint of the user's own drops the image's command; `[""]` resets the image's entrypoint."""
    if not config.entrypoint:
        config.cmd = config.cmd or from_image.command or None
        if config.entrypoint is None:
            config.entrypoint = from_image.entrypoint or None
    if config.entrypoint == [""]:
        config.entrypoint = None


def command(config: Config) -> tuple[str, list[str]]:
    """(path, arguments). Raises InvalidArgument when there is nothing to run."""
    words = [*(config.entrypoint or ()), *(config.cmd or ())]
    if not words or words == [""]:
        raise InvalidArgument("No command specified")
    return words[0], words[1:]


def fill(host: HostConfig, facts: Facts) -> None:
    """Docker's defaults, written into the record, so that inspect shows what holds."""
    host.network_mode = {"": "bridge", "default": "bridge"}.get(host.network_mode, host.network_mode)
    host.shm_size = host.shm_size or runtime.SHM_SIZE
    host.ipc_mode = host.ipc_mode or "private"
    if not host.cgroupns_mode:
        private = facts.cgroup_version == 2 and not host.privileged
        host.cgroupns_mode = "private" if private else "host"
    host.restart_policy.name = host.restart_policy.name or "no"
    if host.memory and not host.memory_swap:
        host.memory_swap = 2 * host.memory
    host.log_config = logdrivers.merged(host.log_config, {})
    host.console_size = host.console_size or [0, 0]
    host.pids_limit = None if host.pids_limit in (0, -1) else host.pids_limit
    _paths(host, facts)


def _paths(host: HostConfig, facts: Facts) -> None:
    options = host.security_opt or []
    if host.privileged or "systempaths=unconfined" in options:
        host.masked_paths, host.readonly_paths = [], []
        host.security_opt = [option for option in options if option != "systempaths=unconfined"] or None
        return
    if host.masked_paths is None:
        host.masked_paths = [*runtime.MASKED_PATHS, *facts.masked]
    if host.readonly_paths is None:
        host.readonly_paths = list(runtime.READONLY_PATHS)
