"""What others do to nf_tables, as the kernel tells it (NFNLGRP_NFTABLES, uapi nfnetlink.h)."""

import socket
import struct

from sampan.linux import netlink

_NETLINK_NETFILTER = 12
_GROUP = 7  # NFNLGRP_NFTABLES
_SUBSYSTEM = 10
_DELETIONS = frozenset((2, 5, 8, 11, 14))  # NFT_MSG_DELTABLE, DELCHAIN, DELRULE, DELSET, DELSETELEM
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr: length, type, flags, sequence, port
_NFGENMSG = 4  # bytes
_TABLE = 1  # NFTA_TABLE_NAME, and the first attribute of all others


class Monitor:
    """A socket that becomes readable when anybody in this network namespace changes the firewall."""

    def __init__(self) -> None:
        """Raises OSError."""
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_NETLINK, kind, _NETLINK_NETFILTER)
        try:
            self._socket.bind((0, 1 << (_GROUP - 1)))
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def lost(self, table: str, own_port: int) -> bool:
        """Read all that there is: whether somebody else than `own_port` deleted a part of the table. True
        also when there was too much to be told (ENOBUFS)."""
        found = False
        while True:
            try:
                data = self._socket.recv(1 << 17)
            except BlockingIOError:
                return found
            except OSError:
                found = True
                continue
            found = deletes(data, table, own_port) or found


def deletes(data: bytes, table: str, own_port: int) -> bool:
    view = memoryview(data)
    while len(view) >= _HEADER.size:
        length, kind, _, _, port = _HEADER.unpack_from(view)
        if length < _HEADER.size or length > len(view):
            return False
        if kind >> 8 == _SUBSYSTEM and kind & 0xFF in _DELETIONS and port != own_port:
            told = netlink.attributes(view[_HEADER.size + _NFGENMSG : length])
            if _TABLE in told and netlink.string(told[_TABLE]) == table:
                return True
        view = view[(length + 3) & ~3 :]
    return False
