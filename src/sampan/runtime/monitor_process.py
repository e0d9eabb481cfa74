"""One process of the container with its stdio and its clients: pid 1, or one that was exec'ed.

*Lonely.* Output goes to the log first (pid 1 only), then to every client that wants it.
"""

import os
from collections.abc import Callable

from sampan.linux.process import pidfd_send_signal
from sampan.runtime.monitor_loop import READ, Loop, Timer
from sampan.runtime.monitor_session import Owner, Session
from sampan.runtime.monitor_stdio import Ends, Output, Stdin, peer_of, set_size
from sampan.runtime.protocol import Attach
from sampan.runtime.streams import STDOUT

Sink = Callable[[int, bytes], None]  # (stream, chunk); an empty chunk: that stream has ended

_SIGKILL = 9
EXEC_GRACE = 2.0  # seconds that clients of an exec wait for what it left running (moby daemon/monitor.go)


class Process(Owner):
    def __init__(
        self,
        loop: Loop,
        exec_id: str | None,
        *,
        close_stdin: bool,
        sink: Sink | None,
        left: Callable[[Session, bool], None],
    ) -> None:
        self.exec_id = exec_id
        self.pid = 0
        self.pidfd = -1
        self.exit_code: int | None = None
        self.console: int | None = None
        self.held: Callable[[], bool] | None = None  # whether nothing more can be taken of its output
        self.timed_out = False
        self._limit: Timer | None = None
        self._peer = -1
        self._loop = loop
        self._close_stdin = close_stdin
        self._sink = sink
        self._left = left
        self._stdin: Stdin | None = None
        self._outputs: list[Output] = []
        self._sessions: list[Session] = []

    # -- set-up ------------------------------------------------------------------------------------

    def connect(self, ends: Ends) -> None:
        """Our ends of the pipes."""
        if ends.stdin is not None:
            self._stdin = Stdin(self._loop, ends.stdin, self._stdin_emptied, owned=True)
        self._outputs = [Output(self._loop, fd, stream, self._deliver) for fd, stream in ends.outputs.items()]

    def connect_console(self, console: int) -> None:
        """The pty's master, ours from now on."""
        os.set_blocking(console, False)
        self.console = console
        self._peer = peer_of(console)
        self._stdin = Stdin(self._loop, console, self._stdin_emptied, owned=False)
        self._outputs = [Output(self._loop, console, STDOUT, self._deliver)]

    def begin(self, pid: int, pidfd: int) -> None:
        """Own the pidfd."""
        self.pid = pid
        self.pidfd = pidfd

    def watch(self, ended: Callable[["Process"], None]) -> None:
        """Call `ended` when it can be reaped. It must be our child by now."""
        self._loop.watch(self.pidfd, READ, lambda _events: ended(self))

    def attach(self, attach: Attach, stream: int, *, spectator: bool = False) -> Session:
        """Own the stream; raises ValueError for detach keys that do not exist (the stream is closed)."""
        try:
            terminal = self.console is not None
            session = Session(self._loop, attach, stream, self, terminal=terminal, spectator=spectator)
        except ValueError:
            os.close(stream)
            raise
        self._sessions.append(session)
        session.begin()
        if self.finished:
            self.finish_sessions()
        return session

    # -- verbs -------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        return self.exit_code is None

    def kill(self, number: int) -> None:
        """Raises ProcessLookupError when it has ended."""
        if not self.running:
            raise ProcessLookupError
        pidfd_send_signal(self.pidfd, number)

    def limit(self, seconds: float) -> None:
        """Kill it, with what it has started, when it runs longer."""
        self._limit = self._loop.after(seconds, self._over)

    def _over(self) -> None:
        """It leads a session (setup.py), and is not reaped: its group is nobody else's."""
        if self.running:
            self.timed_out = True
            os.killpg(self.pid, _SIGKILL)

    def resize(self, height: int, width: int) -> None:
        if self.console is not None:
            set_size(self.console, height, width)

    def reap(self) -> bool:
        """Whether it has ended; then `exit_code` is there and the pidfd is not."""
        try:
            result = os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED | os.WNOHANG)
        except ChildProcessError:  # its starter has not handed it on
            return False
        if result is None:
            return False
        died = result.si_code in (os.CLD_KILLED, os.CLD_DUMPED)
        self._end(128 + result.si_status if died else result.si_status)
        return True

    def give_up(self) -> None:
        """It was sent SIGKILL and does not go (uninterruptible sleep)."""
        self._end(128 + _SIGKILL)

    def _end(self, exit_code: int) -> None:
        self.exit_code = exit_code
        self._loop.cancel(self._limit)
        self._loop.forget(self.pidfd)
        os.close(self.pidfd)
        self.pidfd = -1

    # -- the end -----------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """It has ended and so has its output."""
        return not self.running and not any(output.open for output in self._outputs)

    def drain(self) -> None:
        """Take everything that it wrote before it died."""
        for output in self._outputs:
            output.drain()

    def close_output(self) -> None:
        if self._stdin is not None:
            self._stdin.close()
        for output in self._outputs:
            output.close()
        self.release_terminal()
        self.console = None  # closed with its Output
        self.finish_sessions()

    def release_terminal(self) -> None:
        """From now on the terminal's output ends when the last process closes it."""
        if self._peer >= 0:
            os.close(self._peer)
            self._peer = -1

    def finish_sessions(self) -> None:
        for session in self._sessions:
            session.finish()

    @property
    def draining(self) -> bool:
        """Whether a client has still to get something."""
        return any(not session.closed for session in self._sessions)

    # -- what sessions ask (Owner) -----------------------------------------------------------------

    def typed(self, data: bytes) -> bool:
        return self._stdin.write(data) if self._stdin is not None else True

    def input_ended(self, session: Session) -> None:
        if self._close_stdin and self.console is None:
            if self._stdin is not None:
                self._stdin.close_when_written()
        else:
            session.finish()
            self.left(session, by_keys=False)

    def caught_up(self) -> None:
        self._sessions = [session for session in self._sessions if not session.closed]
        if self.held is not None and self.held():
            return
        if not any(session.slow for session in self._sessions):
            for output in self._outputs:
                output.resume()

    def left(self, session: Session, *, by_keys: bool) -> None:
        self._sessions = [other for other in self._sessions if other is not session or not other.closed]
        self._left(session, by_keys)

    # -- output ------------------------------------------------------------------------------------

    def _deliver(self, stream: int, chunk: bytes) -> bool:
        if self._sink is not None:
            self._sink(stream, chunk)
        if not chunk:
            if self.finished:
                self.close_output()
            return False
        go_on = self.held is None or not self.held()
        for session in tuple(self._sessions):
            if session.wants(stream):
                session.deliver(stream, chunk)
                if session.slow:
                    go_on = False
        if not go_on:
            for output in self._outputs:
                output.pause()
        return go_on

    def _stdin_emptied(self) -> None:
        for session in tuple(self._sessions):
            session.resume()
