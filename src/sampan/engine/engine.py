"""The parts of one engine, gathered for the verbs. Verbs are functions elsewhere; this holds no logic."""

from dataclasses import dataclass

from sampan.engine.facts import Facts
from sampan.engine.settings import Settings


@dataclass(frozen=True)
class Engine:
    settings: Settings
    facts: Facts
