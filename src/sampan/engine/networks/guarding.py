"""The firewall, put back at once when somebody flushes it: the kernel tells us (`linux.nfmonitor`)."""

import asyncio
import logging

from sampan.engine.engine import Engine
from sampan.linux.nfmonitor import Monitor

_log = logging.getLogger(__name__)


def guard(engine: Engine) -> Monitor | None:
    """Watch from here on; the caller closes. None where there is no firewall of ours."""
    opened = engine.network.opened
    if opened is None or opened.firewall is None:
        return None
    try:
        monitor = Monitor()
    except OSError as error:
        _log.warning("the firewall is not watched: %s", error)
        return None
    asyncio.get_running_loop().add_reader(monitor, _changed, engine, monitor)
    return monitor


def _changed(engine: Engine, monitor: Monitor) -> None:
    opened = engine.network.opened
    assert opened is not None and opened.firewall is not None
    if monitor.lost(opened.firewall.table, opened.firewall.port):
        engine.tasks.spawn(_restore(engine))


async def _restore(engine: Engine) -> None:
    opened = engine.network.opened
    assert opened is not None and opened.firewall is not None
    firewall, ports = opened.firewall, opened.ports
    await engine.network.run(lambda: firewall.restore(ports.expected()))
    _log.warning("somebody changed the firewall table %s: it is as it should be again", firewall.table)
