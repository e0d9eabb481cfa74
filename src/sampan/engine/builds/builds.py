"""What builds of one daemon share."""

import asyncio
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from sampan.build.cache import BuildCache
from sampan.build.hashing import Hashes


@dataclass(frozen=True)
class Builds:
    """`mounts`: one lock for each cache mount that is `sharing=locked`; `busy`: directories of cache mounts
    in use; `steps`: by key, so that two builds, or two stages, do not do the same at the same time."""

    cache: BuildCache
    hashes: Hashes = field(default_factory=Hashes)
    mounts: dict[str, asyncio.Lock] = field(default_factory=dict)
    busy: dict[str, int] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    steps: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)
