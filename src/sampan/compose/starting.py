"""Starts: each container as soon as its conditions hold, those that can at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampan.client.container import start as request
from sampan.client.container.inspect import inspect
from sampan.compose import hooks, prestart
from sampan.compose.watching import Watch
from sampan.errors import Cancelled, Conflict, SampanError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sampan.client.connection import Client
    from sampan.compose.model import Project
    from sampan.compose.steps import Condition, StartContainer

    Report = Callable[[str, str, str], None]


class Failed(Exception):
    """A condition can never hold any more."""


def start(client: Client, project: Project, steps: list[StartContainer], report: Report) -> None:
    """Raises Conflict when a dependency did not come up."""
    _Starting(client, project, steps, report).run()


def hold(client: Client, project: Project, conditions: Iterable[Condition], report: Report) -> None:
    """Wait until all of them hold. Raises Conflict when one cannot."""
    left = [condition for condition in conditions if condition.condition != "service_started"]
    if not left:
        return
    waiting = _Starting(client, project, [], report)
    watch = Watch(client, project.name)
    try:
        while not all(waiting.holds(condition) for condition in left):
            if not watch.next():
                raise Cancelled("the daemon ended the stream of events while a dependency came up")
    finally:
        watch.close()


class _Starting:
    def __init__(self, client: Client, project: Project, steps: list[StartContainer], report: Report) -> None:
        self._client = client
        self._project = project
        self._left = list(steps)
        self._report = report
        self._waiting = {step.name for step in steps}  # not started yet
        self._told: set[str] = set()
        self._preparing = prestart.Preparing(client, project, report)

    def run(self) -> None:
        watch = Watch(self._client, self._project.name) if self._needs_watch() else None
        try:
            while self._left:
                ready = [step for step in self._left if self._ready(step)]
                if ready:
                    self._start(ready)
                elif watch is None or not watch.next():
                    raise Cancelled("the daemon ended the stream of events while a dependency came up")
        finally:
            if watch is not None:
                watch.close()

    def _needs_watch(self) -> bool:
        return any(
            condition.condition != "service_started" for step in self._left for condition in step.conditions
        )

    def _ready(self, step: StartContainer) -> bool:
        return all(self.holds(condition) for condition in step.conditions)

    def holds(self, condition: Condition) -> bool:
        if self._waiting & set(condition.containers):
            return False
        if condition.condition == "service_started":
            return True
        try:
            return all(self._reached(name, condition) for name in condition.containers)
        except Failed as error:
            if not condition.required:
                self._report("Container", condition.containers[0], f"Skipped: {error}")
                return True
            raise Conflict(f"dependency failed to start: {error}") from None

    def _reached(self, name: str, condition: Condition) -> bool:
        if name not in self._told:
            self._told.add(name)
            self._report("Container", name, "Waiting")
        state = inspect(self._client, name)["State"]
        if condition.condition == "service_healthy":
            done = healthy(name, state)
        else:
            done = completed(condition.service, state)
        if done:
            word = "Healthy" if condition.condition == "service_healthy" else "Exited"
            self._report("Container", name, word)
        return done

    def _start(self, ready: list[StartContainer]) -> None:
        asked = []
        failure: SampanError | None = None
        unprepared: set[str] = set()
        for step in ready:
            service = self._project.services[step.service]
            try:
                if service.pre_start and step.service not in unprepared:
                    self._preparing.before(service, step.name)
            except SampanError as error:
                failure = failure or error
                unprepared.add(step.service)
            if step.service in unprepared:
                continue
            self._report("Container", step.name, "Starting")
            asked.append((step, request.begin(self._client, step.name)))
        for step, exchange in asked:
            try:
                exchange.result()
            except SampanError as error:
                failure = failure or error
                continue
            hooks.post_start(self._client, self._project.services[step.service], step.name)
            self._report("Container", step.name, "Started")
            self._waiting.discard(step.name)
            self._left.remove(step)
        if failure is not None:
            raise failure


def healthy(name: str, state: dict[str, Any]) -> bool:
    """Raises Failed when it will not become so."""
    if state.get("Status") in ("exited", "dead"):
        raise Failed(f"container {name} exited ({state.get('ExitCode')})")
    health = (state.get("Health") or {}).get("Status", "none")
    if health == "none":
        raise Failed(f"container {name} has no healthcheck configured")
    if health == "unhealthy":
        raise Failed(f"container {name} is unhealthy")
    return bool(health == "healthy")


def completed(service: str, state: dict[str, Any]) -> bool:
    """Raises Failed when it ended with an error."""
    if state.get("Status") not in ("exited", "dead"):
        return False
    if state.get("ExitCode"):
        raise Failed(f'service "{service}" didn\'t complete successfully: exit {state["ExitCode"]}')
    return True
