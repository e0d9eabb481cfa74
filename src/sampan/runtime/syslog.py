"""The child that sends a container's messages to syslog (RFC 3164, RFC 5424, RFC 5425) or to journald.

*Lonely*, and it may block: nobody waits for it. It ends with its socket pair, and a few seconds after its
monitor whatever the server does. A message that could not be sent is sent once more over a new connection,
and then dropped, as Docker's srslog does.
"""

import os
import select
import signal
import socket
import time
from typing import Any, NoReturn

from sampan.linux import task
from sampan.runtime.protocol import Forward
from sampan.runtime.streams import STDERR

_PACKET = 64 * 1024
_PATIENCE = 10.0  # seconds for a server to take a message
_AFTER = 5  # seconds that it may go on after its monitor
_ERROR, _INFO = 3, 6  # severities (RFC 5424, 6.2.1)
_PLAIN_FRAMES = ("unix", "rfc3164")


def send_and_exit(source: Any, forward: Forward) -> NoReturn:
    try:
        fd = os.dup(source.fileno())
        os.dup2(fd, 3)
        os.closerange(4, 1 << 20)  # not the run directory's lock, nor anything of the container
        signal.signal(signal.SIGTERM, lambda _number, _frame: signal.alarm(_AFTER))
        task.set_parent_death_signal(signal.SIGTERM)
        with socket.socket(fileno=3) as messages:
            _Sender(forward).run(messages)
    except BaseException:  # nobody is there to hear of it
        os._exit(1)
    os._exit(0)


class _Sender:
    def __init__(self, forward: Forward) -> None:
        self._forward = forward
        self._connection: socket.socket | None = None
        self._hostname = socket.gethostname()

    def run(self, messages: socket.socket) -> None:
        while packet := messages.recv(_PACKET):
            self._deliver(packet[0], packet[8:])

    def _deliver(self, stream: int, text: bytes) -> None:
        data = compose(self._forward, stream, text, self._hostname)
        if not self._send(data):
            self._send(data)

    def _send(self, data: bytes) -> bool:
        try:
            if self._connection is not None and _closed(self._connection):
                self._connection.close()
                self._connection = None
            if self._connection is None:
                self._connection = _connect(self._forward)
            self._connection.sendall(data)
        except OSError:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            return False
        return True


def compose(forward: Forward, stream: int, text: bytes, hostname: str, now: float | None = None) -> bytes:
    """One message as it goes over the wire."""
    severity = _ERROR if stream == STDERR else _INFO
    if forward.form == "journald":
        fields = {"PRIORITY": str(severity), **dict(forward.fields)}
        head = "".join(f"{name}={_one_line(value)}\n" for name, value in fields.items())
        return b"MESSAGE=" + text + b"\n" + head.encode()
    moment = time.time() if now is None else now
    priority, pid = forward.facility * 8 + severity, os.getpid()
    if forward.form.startswith("rfc5424"):
        when = _rfc3339(moment, micro=forward.form.endswith("micro"))
        head = f"<{priority}>1 {when} {hostname} {forward.tag} {pid} {forward.tag} - "
    else:
        host = f"{hostname} " if forward.form == "rfc3164" else ""
        stamp = time.strftime("%b %e %H:%M:%S", time.localtime(moment))
        head = f"<{priority}>{stamp} {host}{forward.tag}[{pid}]: "
    message = head.encode() + text + b"\n"
    if forward.transport == "tcp+tls" and forward.form not in _PLAIN_FRAMES:
        return b"%d %b" % (len(message), message)  # RFC 5425, 4.3
    return message


def _one_line(text: str) -> str:
    return text.replace("\n", " ")


def _rfc3339(moment: float, *, micro: bool) -> str:
    local = time.localtime(moment)
    zone = time.strftime("%z", local)
    fraction = f".{int(moment % 1 * 1e6):06d}" if micro else ""
    shown = "Z" if local.tm_gmtoff == 0 else f"{zone[:3]}:{zone[3:]}"
    return time.strftime("%Y-%m-%dT%H:%M:%S", local) + fraction + shown


def _closed(connection: socket.socket) -> bool:
    """A server that has gone away shows as the end of what it never writes."""
    if connection.type != socket.SOCK_STREAM or type(connection) is not socket.socket:
        return False
    poll = select.poll()
    poll.register(connection, select.POLLIN | select.POLLRDHUP)
    return any(events & (select.POLLRDHUP | select.POLLHUP) for _, events in poll.poll(0))


def _connect(forward: Forward) -> socket.socket:
    if forward.transport in ("unix", "unixgram"):
        return _connect_local(forward)
    host, _, port = forward.address.rpartition(":")
    host = host.strip("[]")
    if forward.transport == "udp":
        family, kind, protocol, _, place = socket.getaddrinfo(host, int(port), type=socket.SOCK_DGRAM)[0]
        connection = socket.socket(family, kind, protocol)
        connection.connect(place)
    else:
        connection = socket.create_connection((host, int(port)), _PATIENCE)
    connection.settimeout(_PATIENCE)
    return _secured(connection, host, dict(forward.fields)) if forward.transport == "tcp+tls" else connection


def _connect_local(forward: Forward) -> socket.socket:
    """A daemon's socket takes datagrams or a stream: the one that is not asked for is tried, too."""
    kinds = [socket.SOCK_STREAM, socket.SOCK_DGRAM]
    if forward.transport == "unixgram":
        kinds.reverse()
    for kind in kinds:
        connection = socket.socket(socket.AF_UNIX, kind)
        connection.settimeout(_PATIENCE)
        try:
            connection.connect(forward.address)
        except OSError:
            connection.close()
            continue
        return connection
    raise ConnectionRefusedError(forward.address)


def _secured(connection: socket.socket, host: str, files: dict[str, str]) -> socket.socket:
    import ssl  # for whom it concerns only: it is large

    context = ssl.create_default_context(cafile=files.get("ca-cert") or None)
    if "skip-verify" in files:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if "cert" in files:
        context.load_cert_chain(files["cert"], files.get("key"))
    return context.wrap_socket(connection, server_hostname=host)
