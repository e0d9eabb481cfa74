"""A running container's network is changed: in a child of the launcher, which enters it and ends.

*Lonely.* The files: [network namespace, answer, pidfd of the container's process].
"""

import errno
import os
from collections.abc import Sequence
from typing import NoReturn

from sampan.linux import process
from sampan.runtime import netns, port53
from sampan.runtime.channel import close_all
from sampan.runtime.protocol import Plug, Reply, encode


def plug_and_exit(request: Plug, files: Sequence[int]) -> NoReturn:
    try:
        reply = Reply()
        try:
            _plug(request, files)
        except OSError as error:
            reply = Reply(error.errno or errno.EIO, error.strerror or str(error))
        os.write(files[1], encode(reply))
    finally:
        os._exit(0)


def _plug(request: Plug, files: Sequence[int]) -> None:
    namespace, _, pidfd = files
    netns.plumb(request.interfaces, fd=namespace)
    process.setns(namespace, process.CLONE_NEWNET)
    netns.remove(request.removed)
    if request.interfaces:
        netns.configure(request.interfaces, None)
    changed = request.interfaces or request.removed
    if changed or not request.resolver:  # and not when the sockets alone are missing
        netns.reroute(request.gateway, request.gateway6)
    if request.resolver:
        sockets = port53.open_resolver()
        netns.hand_over(request.resolver, request.container, [*sockets, pidfd])
        close_all(sockets)
