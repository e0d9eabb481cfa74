"""`up` without -d: the containers' output until they end, or the user has had enough."""

from __future__ import annotations

import os
import select
import signal

from sampan.cli import console
from sampan.cli.compose import prefixed, progress
from sampan.cli.compose.prefixed import Lines, Printer, short_name
from sampan.cli.console import ExitWith
from sampan.client.container import attach, kill, logs
from sampan.client.container.inspect import inspect
from sampan.client.container.stop import begin as begin_stop
from sampan.errors import NotFound, SampanError
from sampan.wire import times

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable

    from sampan.cli.compose.watcher import Watcher
    from sampan.cli.flags import Values
    from sampan.cli.session import Session
    from sampan.client.connection import Exchange
    from sampan.compose.apply import Work
    from sampan.compose.steps import Step

_PIECE = 64 * 1024


def run(session: Session, work: Work, steps: list[Step], options: Values, named: list[str]) -> int:
    """Carry the plan out with the output shown from the first byte: the exit status."""
    from dataclasses import replace

    from sampan.compose.apply import apply
    from sampan.compose.steps import KeepContainer, StartContainer

    last = [step for step in steps if isinstance(step, StartContainer | KeepContainer)]
    apply(work, [step for step in steps if step not in last])
    work.hands = replace(work.hands, report=progress.steady(session, work.hands.report))
    services = _services(work, options, named)
    names = {name: service for service in services for name in work.names.get(service, ())}
    shown = [short_name(name, work.project.name) for name in names]
    console.error(f"Attaching to {', '.join(shown)}")
    colour = prefixed.colour_wanted(session.group["ansi"], no_color=options["no-color"])
    printer = Printer(shown, colour=colour, prefix=not options["no-log-prefix"])
    started = {step.name for step in last if isinstance(step, StartContainer)}
    following = _Following(session, work, printer, options)
    with following:
        for name in names:
            following.attach(name, fresh=name in started)
        following.watch_all(names)
        apply(work, list(last))
        if options["watch"]:
            following.watch_files()
        return following.until_the_end()


def _services(work: Work, options: Values, named: list[str]) -> list[str]:
    every = sorted(work.project.services)
    for name in (*options["attach"], *options["no-attach"]):
        if name not in work.project.services:
            raise ExitWith(1, f"no such service: {name}")
    if options["attach"]:
        return sorted(options["attach"])
    if named and not options["attach-dependencies"]:
        every = sorted(set(named) & set(every))
    quiet = {name for name in every if not work.project.services[name].attach}
    return [name for name in every if name not in options["no-attach"] and name not in quiet]


class _Following:
    """Streams, events and signals in one loop."""

    def __init__(self, session: Session, work: Work, printer: Printer, options: Values) -> None:
        from sampan.compose.watching import Watch

        self._session = session
        self._work = work
        self._printer = printer
        self._options = options
        self._streams: dict[int, tuple[str, Lines, Callable[[], bytes]]] = {}
        self._streaming: set[str] = set()
        self._alive: set[str] = set()
        self._shown: set[str] = set()  # those whose output is wanted
        self._codes: dict[str, int] = {}
        self._ended: dict[str, int] = {}  # when, of those that had ended before anybody listened
        self._events = Watch(session.client, work.project.name)
        self._stops: list[list[str]] = []
        self._asked: dict[int, tuple[str, Exchange]] = {}
        self._watcher: Watcher | None = None
        self._interrupts = 0
        self._status: int | None = None
        self._wake, self._woken = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def __enter__(self) -> _Following:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._signalled)
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        return self

    def __exit__(self, *exception: object) -> None:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        self._events.close()
        if self._watcher is not None:
            self._watcher.close()
        os.close(self._wake)
        os.close(self._woken)

    def _signalled(self, number: int, frame: object) -> None:
        self._interrupts += 1

    # What is listened to

    def attach(self, name: str, *, fresh: bool) -> None:
        """`fresh`: it starts only now; else what it writes from now on."""
        self._shown.add(name)
        client = self._session.client.another()
        tty = bool(inspect(client, name)["Config"]["Tty"])
        connection, first = attach.begin(client, name, stdout=True, stderr=True).hijack()
        self._listen(name, connection.fileno(), lambda: _receive(connection), tty=tty, first=first)

    def watch_all(self, names: object) -> None:
        every = [name for found in self._work.names.values() for name in found]
        self._alive = set(every)

    def watch_files(self) -> None:
        from sampan.cli.compose.watcher import Watcher

        self._watcher = Watcher(self._session, self._work.project)

    def _listen(
        self, name: str, descriptor: int, read: Callable[[], bytes], *, tty: bool, first: bytes = b""
    ) -> None:
        lines = Lines(self._printer, short_name(name, self._work.project.name), tty=tty)
        self._streams[descriptor] = (name, lines, read)
        self._streaming.add(name)
        if first:
            lines.feed(first)

    def _again(self, name: str, since: str) -> None:
        """A container that was started anew: its output since then."""
        client = self._session.client.another()
        tty = bool(inspect(client, name)["Config"]["Tty"])
        exchange = logs.logs(client, name, follow=True, since=since)
        chunks = exchange.chunks()
        self._listen(name, exchange.fileno(), lambda: next(chunks, b""), tty=tty)

    # The loop

    def until_the_end(self) -> int:
        self._look_for_the_dead()
        while self._alive or self._streams or self._asked:
            self._turn()
        if self._status is not None:
            return self._status
        return 130 if self._interrupts else 0

    def _turn(self) -> None:
        poll = select.poll()
        for descriptor in (*self._streams, *self._asked, self._events.fileno(), self._wake):
            poll.register(descriptor, select.POLLIN)
        watched = self._watcher.fileno() if self._watcher is not None else -1
        if self._watcher is not None:
            poll.register(watched, select.POLLIN)
        for descriptor, _ in poll.poll():
            if descriptor == watched and self._watcher is not None:
                self._watcher.readable()
            elif descriptor in self._streams:
                self._read(descriptor)
            elif descriptor in self._asked:
                self._stopped(descriptor)
            elif descriptor == self._events.fileno():
                for event in self._events.next():
                    self._event(event)
            else:
                self._interrupted()

    def _read(self, descriptor: int) -> None:
        name, lines, read = self._streams[descriptor]
        data = read()
        if data:
            lines.feed(data)
            return
        lines.end()
        del self._streams[descriptor]
        self._streaming.discard(name)
        if name in self._codes:
            self._tell_end(name)

    def _event(self, event: dict[str, object]) -> None:
        actor = event.get("Actor")
        attributes = actor.get("Attributes", {}) if isinstance(actor, dict) else {}
        name, action = str(attributes.get("name", "")), event.get("Action")
        if name not in (*self._alive, *self._codes):
            return
        if action == "die" and name not in self._codes:
            self._died(name, int(attributes.get("exitCode") or 0))
        elif action == "start" and name in self._codes:
            at = int(str(event.get("timeNano") or 0))
            if at <= self._ended.get(name, 0):  # of the run whose end was seen before its events were
                return
            del self._codes[name]
            self._alive.add(name)
            if name in self._shown and name not in self._streaming:
                self._again(name, f"{at / 10**9:.9f}")

    def _died(self, name: str, code: int) -> None:
        self._codes[name] = code
        if name not in self._streaming:
            self._tell_end(name)
        if self._comes_back(name):
            return
        self._alive.discard(name)
        self._maybe_abort(name, code)

    def _comes_back(self, name: str) -> bool:
        if self._interrupts or self._stops:
            return False
        try:
            state = inspect(self._session.client, name)["State"]
        except NotFound:
            return False
        return bool(state.get("Restarting") or state.get("Running"))

    def _tell_end(self, name: str) -> None:
        shown = short_name(name, self._work.project.name)
        self._printer.notice(shown, f"exited with code {self._codes[name]}")

    def _look_for_the_dead(self) -> None:
        """Those that ended before anybody listened, or never ran."""
        for name in sorted(self._alive):
            state = inspect(self._session.client, name)["State"]
            if state.get("Status") in ("exited", "dead") and name not in self._codes:
                self._ended[name] = _nanoseconds(str(state.get("FinishedAt") or ""))
                self._died(name, int(state.get("ExitCode") or 0))

    # Ends

    def _maybe_abort(self, name: str, code: int) -> None:
        options = self._options
        wanted = options["exit-code-from"]
        failed = options["abort-on-container-failure"] and code
        if self._status is not None or not (wanted or options["abort-on-container-exit"] or failed):
            if wanted and name in self._work.names.get(wanted, ()):
                self._status = code
            return
        self._status = code
        if wanted and name not in self._work.names.get(wanted, ()):
            self._status = 0
        if self._alive:
            console.error("Aborting on container exit...")
            self._stop_all()

    def _interrupted(self) -> None:
        os.read(self._wake, 64)
        if self._interrupts == 1:
            console.error("Gracefully Stopping... press Ctrl+C again to force")
            self._stop_all()
        elif self._interrupts > 1:
            for name in sorted(self._alive):
                try:
                    kill.kill(self._session.client, name)
                except SampanError:
                    continue  # it has ended meanwhile

    def _stop_all(self) -> None:
        """Dependents first."""
        from sampan.compose import observe, teardown

        running = [
            item
            for item in observe.containers(self._session.client, self._work.project.name, all=False)
            if item.name in self._alive
        ]
        self._stops = [[item.name for item in level] for level in teardown.levels(running)]
        self._stop_level()

    def _stop_level(self) -> None:
        from sampan.compose import hooks

        if not self._stops:
            return
        for name in self._stops.pop(0):
            hooks.pre_stop(self._session.client, self._work.project, name)
            self._work.hands.report("Container", name, "Stopping")
            exchange = begin_stop(self._session.client.another(), name, self._work.timeout)
            self._asked[exchange.fileno()] = (name, exchange)

    def _stopped(self, descriptor: int) -> None:
        name, exchange = self._asked.pop(descriptor)
        try:
            exchange.result()
            self._work.hands.report("Container", name, "Stopped")
        except SampanError as error:
            self._work.hands.report("Container", name, str(error))
        if not self._asked:
            self._stop_level()


def _nanoseconds(text: str) -> int:
    try:
        seconds, rest, _ = times.parse(text)
    except ValueError:
        return 0
    return seconds * 10**9 + rest


def _receive(connection: socket) -> bytes:
    try:
        return connection.recv(_PIECE)
    except OSError:
        return b""
