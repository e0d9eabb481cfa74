"""Identifiers and names: what they look like, how they are made up, how they are looked up."""

import re
import secrets
from collections.abc import Callable

from sampan.errors import InvalidArgument

_NAME = re.compile(r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]+")
LONGEST = 255  # bytes of a name in a directory (NAME_MAX)
ALLOWED = "[a-zA-Z0-9][a-zA-Z0-9_.-]"
_TRIES = 6

ADJECTIVES = tuple(
    """
    able airy amber ample autumn balmy bold brave breezy bright brisk calm candid careful cheery clear
    clever coastal cosy crisp curious dapper daring deft dreamy eager early earnest easy fair famous
    fearless festive fleet fluent fond frank fresh friendly frosty gallant gentle glad golden graceful
    grand happy hardy hearty helpful honest humble humming jaunty jolly keen kind lively loyal lucid
    lucky lunar mellow merry mighty mild misty modest neat nimble noble northern open patient pensive
    placid plucky polite proud quick quiet rapid ready rolling rosy rustic sailing salty serene sharp
    silent silver sincere sleek smart snug solar solid southern spry stable steady stoic sturdy sunny
    swift tender thrifty tidal tidy tranquil trusty upbeat valiant vivid warm whole wise witty zesty
    """.split()  # noqa: SIM905 (a list of quoted words hides the words)
)
SURNAMES = tuple(
    """
    abel agnesi allen amundsen babbage backus banach barents bell bering bernoulli bohr boole bose boyle
    brahe cabot cantor carson cartan cauchy cook copernicus cori curie dampier darwin davy descartes
    dias diderot dijkstra dirac drake einstein engelbart erdos euclid euler fahrenheit faraday fermat
    fermi feynman fourier franklin galileo galois gama gauss germain goodall hadamard halley hamilton
    hawking heisenberg hertz hilbert hodgkin hooke hopper hubble hudson humboldt huygens hypatia jacobi
    joule kalman kepler khayyam knuth kovalevskaya lagrange lamarr laplace leakey leavitt leibniz
    lovelace lyell magellan maxwell mayer mccarthy meitner mendel mendeleev mercator mirzakhani morse
    nansen napier newton nightingale nobel noether ohm pascal pasteur pauli payne pike planck poincare
    polo ptolemy pythagoras ramanujan ride riemann ritchie rubin russell sagan scott shannon shaw
    sinoussi snow tesla thales thompson torvalds turing vespucci volta wallace watt wiles wing wozniak
    wright wu yalow yonath zheng
    """.split()  # noqa: SIM905 (a list of quoted words hides the words)
)


def new_id() -> str:
    """64 hexadecimal digits; the first twelve are never all decimal, since they become the host name."""
    while True:
        identity = secrets.token_hex(32)
        if not identity[:12].isdecimal():
            return identity


def check_name(name: str) -> str:
    """`name` without its slash. Raises InvalidArgument in Docker's words."""
    if _NAME.fullmatch(name) is None or len(name) > 255:
        raise InvalidArgument(f"Invalid container name ({name}), only {ALLOWED} are allowed")
    return name.removeprefix("/")


def is_name(name: str) -> bool:
    """Whether it may be the name of a volume or a container."""
    return _NAME.fullmatch(name) is not None and not name.startswith("/") and len(name) <= LONGEST


def generate(taken: Callable[[str], bool], identity: str) -> str:
    """`adjective_surname`; on collision with a digit behind it; after six tries the short ID."""
    for attempt in range(_TRIES):
        name = f"{secrets.choice(ADJECTIVES)}_{secrets.choice(SURNAMES)}"
        if attempt:
            name += str(secrets.randbelow(10))
        if not taken(name):
            return name
    return identity[:12]
