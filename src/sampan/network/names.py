"""What the bridge and the firewall table of a daemon are called.

Several daemons with different roots live side by side, and each knows its own things on the machine by
name alone, so that it finds them again after it was killed.
"""

import hashlib
import os
from typing import NamedTuple

DEFAULT_ROOT = "/var/lib/sampan"


class NetworkNames(NamedTuple):
    bridge: str  # an interface name: at most 15 bytes
    table: str  # of family inet


def for_root(data_root: str) -> NetworkNames:
    root = os.path.realpath(data_root)
    if root == DEFAULT_ROOT:
        return NetworkNames("sampan0", "sampan")
    mark = hashlib.sha256(os.fsencode(root)).hexdigest()[:6]
    return NetworkNames(f"sampan-{mark}", f"sampan-{mark}")
