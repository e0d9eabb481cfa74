"""All containers in memory, and how a user's word for one is understood."""

import bisect
from collections.abc import Iterator

from sampan.engine.containers.record import Container
from sampan.errors import Conflict, InvalidArgument, NotFound


class Registry:
    """By full ID, by exact name, by unique prefix of an ID, in this order."""

    def __init__(self) -> None:
        self._by_id: dict[str, Container] = {}
        self._by_name: dict[str, str] = {}
        self._sorted: list[str] = []
        self._linking: dict[str, set[str]] = {}  # ID → IDs of the containers that are linked to it

    def __iter__(self) -> Iterator[Container]:
        return iter(list(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)

    def add(self, container: Container) -> None:
        self._by_id[container.id] = container
        bisect.insort(self._sorted, container.id)
        self._by_name.setdefault(container.name, container.id)
        for link in container.definition.links:
            self._linking.setdefault(link.container, set()).add(container.id)

    def discard(self, container: Container) -> None:
        if self._by_id.pop(container.id, None) is not None:
            del self._sorted[bisect.bisect_left(self._sorted, container.id)]
            for link in container.definition.links:
                self._linking.get(link.container, set()).discard(container.id)
            self._linking.pop(container.id, None)
        self.release_name(container.name, container.id)

    def reserve_name(self, name: str, identity: str) -> None:
        """Raises Conflict in Docker's words."""
        holder = self._by_name.get(name)
        if holder is not None:
            raise Conflict(
                f'Conflict. The container name "/{name}" is already in use by container "{holder}".'
                " You have to remove (or rename) that container to be able to reuse that name."
            )
        self._by_name[name] = identity

    def release_name(self, name: str, identity: str) -> None:
        if self._by_name.get(name) == identity:
            del self._by_name[name]

    def name_taken(self, name: str) -> bool:
        return name in self._by_name

    def get(self, identity: str) -> Container | None:
        return self._by_id.get(identity)

    def linking(self, identity: str) -> list[Container]:
        """Those that have, or had, a link to this one."""
        return [self._by_id[one] for one in self._linking.get(identity, ())]

    def find(self, word: str) -> Container:
        """Raises NotFound; InvalidArgument when several IDs begin so."""
        container = self._by_id.get(word) or self._by_id.get(self._by_name.get(word.removeprefix("/"), ""))
        if container is not None:
            return container
        matches = self.with_prefix(word) if word else []
        if not matches:
            raise NotFound(f"No such container: {word}")
        if len(matches) > 1:
            raise InvalidArgument(f"multiple IDs found with provided prefix: {word}")
        return self._by_id[matches[0]]

    def with_prefix(self, prefix: str) -> list[str]:
        """At most two IDs that begin so: enough to tell unique from ambiguous."""
        start = bisect.bisect_left(self._sorted, prefix)
        return [identity for identity in self._sorted[start : start + 2] if identity.startswith(prefix)]
