"""Follows changes of files for `watch` and `up --watch`."""

from __future__ import annotations

import select
from contextlib import suppress

from sampan.cli import console
from sampan.cli.compose import converge, progress
from sampan.cli.console import ExitWith
from sampan.client.image.rmi import rmi
from sampan.compose import develop, hooks, observe, starting, sync
from sampan.compose.develop import Batch
from sampan.compose.trees import Trees
from sampan.errors import Conflict, NotFound, SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.session import Session
    from sampan.compose.model import Project

_QUIET = 200  # milliseconds without another change, after which a burst of them is over


class Watcher:
    """`quiet`: without the output of builds; `prune`: an image that a rebuild replaces goes."""

    def __init__(
        self, session: Session, project: Project, *, quiet: bool = False, prune: bool = True
    ) -> None:
        self._session = session
        self._project = project
        self._quiet = quiet
        self._prune = prune
        self._rules = [rule for rule in develop.rules(project) if not self._mounted(rule)]
        self._trees = Trees([rule.trigger.path for rule in self._rules], self._skipped)
        self._initial()
        console.error("Watch enabled")

    def fileno(self) -> int:
        return self._trees.fileno()

    def close(self) -> None:
        self._trees.close()

    def readable(self) -> None:
        """Something changed: wait for the end of the burst, and do what the rules say."""
        paths = self._trees.read()
        poll = select.poll()
        poll.register(self._trees.fileno(), select.POLLIN)
        while poll.poll(_QUIET):
            paths |= self._trees.read()
        for batch in develop.decide(self._rules, paths):
            try:
                self._carry_out(batch)
            except (SampanError, ExitWith) as error:  # the next change may put it right
                progress.settle(self._session)
                console.error(f"WARN[0000] Error handling changed files for service {batch.service}: {error}")

    def _mounted(self, rule: develop.Rule) -> bool:
        service = self._project.services[rule.service]
        mounted = rule.trigger.action != "rebuild" and develop.mounted(service, rule.trigger)
        if mounted:
            shown = f"path '{rule.trigger.path}' also declared by a bind mount volume"
            console.error(f"WARN[0000] {shown}, this path won't be monitored!")
        return mounted

    def _skipped(self, path: str) -> bool:
        return all(rule.skips(path) for rule in self._rules)

    def _initial(self) -> None:
        """`initial_sync`: everything once."""
        first = [rule for rule in self._rules if rule.trigger.initial_sync]
        for batch in develop.decide(first, self._trees.everything()) if first else ():
            batch.restart, batch.rebuild, batch.hooks = False, False, []
            self._carry_out(batch)

    def _carry_out(self, batch: Batch) -> None:
        service = batch.service
        if batch.rebuild:
            console.error(f'Rebuilding service(s) ["{service}"] after changes were detected...')
            self._rebuild(service)
            progress.settle(self._session)
            console.error(f'service(s) ["{service}"] successfully built')
            return
        names = self._running(service)
        if batch.copies:
            console.error(f'Syncing service "{service}" after {len(batch.paths)} changes were detected')
            for name in names:
                sync.sync(self._session.client, name, batch.copies)
        for hook in batch.hooks:
            for name in names:
                status, output = hooks.run(self._session.client, name, hook)
                if status:
                    console.error(f"WARN[0000] {name}: exec ended with status {status}: {output.strip()}")
        if batch.restart:
            self._restart(service)

    def _running(self, service: str) -> list[str]:
        found = observe.containers(self._session.client, self._project.name, all=False)
        return [item.name for item in found if item.service == service and not item.oneoff]

    def _restart(self, service: str) -> None:
        from sampan.client.container import restart

        say = progress.report(self._session)
        for name in self._running(service):
            say("Container", name, "Restarting")
            restart.restart(self._session.client, name)
            say("Container", name, "Restarted")
        progress.settle(self._session)

    def _rebuild(self, service: str) -> None:
        from sampan.compose import plan
        from sampan.compose.apply import apply
        from sampan.compose.steps import StartContainer

        options = plan.Options(build=True, named=frozenset((service,)))
        one = self._only(service)
        before = observe.images(self._session.client, one.images())
        work, steps, observed = converge.prepare(self._session, one, options, quiet_build=self._quiet)
        for name in self._project.services:
            work.names.setdefault(name, [item.name for item in observed.of_service(name)])
        starts = [step for step in steps if isinstance(step, StartContainer)]
        apply(work, [step for step in steps if step not in starts])
        starting.start(self._session.client, one, starts, work.hands.report)
        for reference, identity in before.items() if self._prune else ():
            if work.images.get(reference) != identity:
                with suppress(NotFound, Conflict):  # gone; or somebody else needs it
                    rmi(self._session.client, identity)

    def _only(self, service: str) -> Project:
        """The project with this service alone: what it depends on runs already."""
        from copy import copy

        one = copy(self._project)
        alone = copy(self._project.services[service])
        alone.depends_on = {}
        one.services = {service: alone}
        one.known = [*self._project.known, *self._project.services]
        return one
