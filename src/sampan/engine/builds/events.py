"""What a build tells while it goes. Who shows it decides how (`api.buildstream`)."""

from collections.abc import Callable
from typing import NamedTuple


class Vertex(NamedTuple):
    """Something that is done: a step, or work around them. `step`: its number among all instructions, from 1,
    0 for none; `text`: the instruction; `quiet`: it changes the configuration only."""

    number: int
    name: str
    step: int = 0
    text: str = ""
    quiet: bool = False


class Planned(NamedTuple):
    """How many instructions will be carried out."""

    steps: int


class Begun(NamedTuple):
    vertex: Vertex


class Running(NamedTuple):
    """A RUN has its container."""

    vertex: Vertex
    container: str


class Output(NamedTuple):
    vertex: Vertex
    data: bytes
    error: bool = False


class Ended(NamedTuple):
    """`identity`: what it made, in hexadecimal; `container`: that a RUN ran in."""

    vertex: Vertex
    cached: bool = False
    failure: str = ""
    identity: str = ""


class Warned(NamedTuple):
    rule: str
    message: str
    excerpt: str
    line: int


class Note(NamedTuple):
    """A sentence for whoever reads along."""

    text: str


Event = Planned | Begun | Running | Output | Ended | Warned | Note
Report = Callable[[Event], None]
