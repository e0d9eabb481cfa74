"""`develop.watch`: which of a service's rules a changed file meets, and what to do about it. Pure, but for
one look at `.dockerignore`."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sampan.build.patterns import Matcher, read_ignore
from sampan.errors import InvalidArgument

if TYPE_CHECKING:
    from sampan.compose.model import Hook, Project, Service, Trigger

# What editors leave for a moment, and git: nobody wants these synchronized.
_FLEETING = (
    *("**/.git", "**/.#*", "**/#*#", "**/*~", "**/*.sw[a-p]", "**/*.swx", "**/4913"),
    *("**/___jb_tmp___", "**/___jb_old___", "**/.DS_Store", "**/.goutputstream-*"),
)
NOTHING = "none of the selected services is configured for watch, consider setting a 'develop' section"


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of a service's `develop.watch`. `context`: what `.dockerignore` is relative to; "": none."""

    service: str
    trigger: Trigger
    ignored: Matcher
    included: Matcher
    context: str = ""
    dockerignore: Matcher = field(default_factory=lambda: Matcher(()))

    def wants(self, path: str) -> bool:
        """Whether a change of this file, by its absolute path, means something."""
        relative = self.relative(path)
        if relative is None or self.skips(path):
            return False
        return not self.included or self.included.excludes(relative)

    def skips(self, path: str) -> bool:
        """Whether the rule has nothing to do with the path, nor with anything below it."""
        relative = self.relative(path)
        if relative is None:
            return True
        if self.ignored.excludes(relative):
            return True
        if not self.context or not path.startswith(self.context + "/"):
            return False
        return self.dockerignore.excludes(os.path.relpath(path, self.context))

    def relative(self, path: str) -> str | None:
        """From the rule's path, "." for that itself; None: it is elsewhere."""
        if path == self.trigger.path:
            return "."
        prefix = self.trigger.path.rstrip("/") + "/"
        return path.removeprefix(prefix) if path.startswith(prefix) else None

    def target(self, path: str) -> str:
        """Where the file is in the container."""
        relative = self.relative(path) or "."
        return posixpath.normpath(posixpath.join(self.trigger.target, relative))


@dataclass(slots=True)
class Batch:
    """What one service needs. `copies`: path here → path in the container, for what is gone here, too."""

    service: str
    paths: set[str] = field(default_factory=set)
    copies: dict[str, str] = field(default_factory=dict)
    rebuild: bool = False
    restart: bool = False
    hooks: list[Hook] = field(default_factory=list)


def rules(project: Project) -> list[Rule]:
    """Of all services. Raises InvalidArgument for a rule that cannot be followed."""
    found = []
    for name, service in sorted(project.services.items()):
        for trigger in service.develop.watch if service.develop is not None else ():
            _check(service, trigger)
            found.append(_rule(name, service, trigger))
    if not found:
        raise InvalidArgument(NOTHING)
    return found


def _check(service: Service, trigger: Trigger) -> None:
    path = f"services.{service.name}.develop.watch"
    if trigger.action == "rebuild" and service.build is None:
        raise InvalidArgument(
            f"can't watch service {service.name!r} with action rebuild without a build context"
        )
    if trigger.action.startswith("sync") and not trigger.target:
        raise InvalidArgument(f"{path}: target is required for {trigger.action}: where the files go")
    if trigger.action == "sync+exec" and trigger.exec is None:
        raise InvalidArgument(f"{path}: can't watch with action sync+exec without an exec hook")


def _rule(name: str, service: Service, trigger: Trigger) -> Rule:
    context = service.build.context if service.build is not None else ""
    patterns: list[str] = []
    if context and os.path.isfile(os.path.join(context, ".dockerignore")):
        with open(os.path.join(context, ".dockerignore"), encoding="utf-8") as file:
            patterns = read_ignore(file.read())
    return Rule(
        name,
        trigger,
        Matcher([*_FLEETING, *trigger.ignore]),
        Matcher(trigger.include),
        os.path.normpath(context) if context else "",
        Matcher(patterns),
    )


def mounted(service: Service, trigger: Trigger) -> bool:
    """A bind mount shows the container these files already."""
    return any(
        mount.type == "bind" and (trigger.path + "/").startswith(mount.source.rstrip("/") + "/")
        for mount in service.volumes
    )


def decide(found: Sequence[Rule], paths: Iterable[str]) -> list[Batch]:
    """By service. What is rebuilt need not be synchronized."""
    batches: dict[str, Batch] = {}
    for path in sorted(paths):
        for rule in found:
            if rule.wants(path):
                _add(batches.setdefault(rule.service, Batch(rule.service)), rule, path)
    return [batches[name] for name in sorted(batches)]


def _add(batch: Batch, rule: Rule, path: str) -> None:
    action, trigger = rule.trigger.action, rule.trigger
    batch.paths.add(path)
    if action.startswith("sync"):
        batch.copies[path] = rule.target(path)
    batch.rebuild = batch.rebuild or action == "rebuild"
    batch.restart = batch.restart or action in ("restart", "sync+restart")
    if action == "sync+exec" and trigger.exec is not None and trigger.exec not in batch.hooks:
        batch.hooks.append(trigger.exec)
