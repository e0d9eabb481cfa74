"""Which name is which verb: names to module paths below `sampan.cli`, so that one verb's import is all that
is paid.
"""

from __future__ import annotations

VERBS = {
    "attach": "container.attach",
    "create": "container.create",
    "daemon": "daemon",
    "events": "system.events",
    "exec": "container.exec",
    "history": "image.history",
    "images": "image.images",
    "import": "image.import_",
    "info": "system.info",
    "inspect": "system.inspect",
    "kill": "container.kill",
    "load": "image.load",
    "logs": "container.logs",
    "port": "container.port",
    "ps": "container.ps",
    "pull": "image.pull",
    "rename": "container.rename",
    "restart": "container.restart",
    "rm": "container.rm",
    "rmi": "image.rmi",
    "run": "container.run",
    "start": "container.start",
    "stop": "container.stop",
    "tag": "image.tag",
    "version": "system.version",
    "wait": "container.wait",
}
GROUPS = {
    "container": {
        "attach": "container.attach",
        "create": "container.create",
        "exec": "container.exec",
        "inspect": "container.inspect",
        "kill": "container.kill",
        "logs": "container.logs",
        "ls": "container.ps",
        "port": "container.port",
        "rename": "container.rename",
        "restart": "container.restart",
        "rm": "container.rm",
        "run": "container.run",
        "start": "container.start",
        "stop": "container.stop",
        "wait": "container.wait",
    },
    "image": {
        "history": "image.history",
        "import": "image.import_",
        "inspect": "image.inspect",
        "load": "image.load",
        "ls": "image.images",
        "pull": "image.pull",
        "rm": "image.rmi",
        "tag": "image.tag",
    },
    "network": {
        "inspect": "network.inspect",
        "ls": "network.ls",
    },
    "system": {
        "events": "system.events",
        "info": "system.info",
    },
    "volume": {
        "create": "volume.create",
        "inspect": "volume.inspect",
        "ls": "volume.ls",
        "rm": "volume.rm",
    },
}
GROUP_ALIASES = {
    "container": {"list": "ls", "ps": "ls", "remove": "rm"},
    "image": {"list": "ls", "remove": "rm"},
    "network": {"list": "ls"},
    "volume": {"list": "ls", "remove": "rm"},
}
