"""A16 (CVE-2021-43784): frames of our own protocols that somebody has changed. Refused cleanly, or a message
whose fields are what they say.

SAMPAN_TEST_ATTACKS multiplies the 2,000 of each.
"""

import json
import marshal
import os
import random
import typing
from collections.abc import Iterator
from typing import Any

import pytest

from harness.attacks import rounds
from sampan.runtime import failure, link, starter
from sampan.runtime.channel import Packet
from sampan.runtime.failure import OciError
from sampan.runtime.protocol import (
    Attach,
    Exec,
    ExecState,
    Exited,
    Forward,
    Interface,
    Kill,
    Launch,
    Listener,
    Log,
    Message,
    Port,
    Ps,
    Publish,
    Resize,
    Rootfs,
    Started,
    State,
    Stop,
    decode,
    encode,
)

_ATTACH = Attach("s", True, True, False, "raw")
_STARTED = Started("id", 7, 8, "2026-01-01T00:00:00Z", 9, ["careful"])
_LOG = Log(
    "json-file", "/log", 10, 3, True, "{}", Forward("udp", "h:1", "unix", "t", 3, 9, False, [("a", "b")])
)
_VALID: tuple[Message, ...] = (
    Launch(
        *("id", "/run/id", "/data/id", Rootfs(["/a"], "/b", "/c", ["/d"]), _LOG, "open", "/filter"),
        [Interface("b", "h", "eth0", "02:42", ["172.17.0.2/16"], 1500)],
        *("172.17.0.1", [Listener(1, "tcp", "0.0.0.0", 80, True)], True, [_ATTACH], ["/usr/bin/runc"]),
    ),
    Exec("e", {"args": ["true"], "env": []}, _ATTACH, None, True, 3.5),
    State(_STARTED, Exited("id", 1, False, "t", "t"), [ExecState("e", 3, True, None)]),
    Publish([Port("tcp", "::", 80)], [Listener(0, "tcp", "192.0.2.1", 80, True)]),
    *(Kill(9), Stop(15, 10.0), Resize(24, 80), Ps(["-ef"]), _STARTED, _ATTACH),
)
_NODES: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**31, 2**63, 2**70, -(2**65), 1e308, 0.5, "", "\0", "\ud800", "٣", "x" * 5000),
    *([], {}, [[]], {"a": [None]}, ["a"] * 100, [["id", 1]]),
)
_WORDS = (
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e999",
    b"9" * 5000,
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"\xff",
    b"",
)


def _nodes(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = enumerate(document) if isinstance(document, list) else ()
    for key, value in items:
        yield from _nodes(value, (*path, key))


def _with(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = list(document)
    changed[path[0]] = _with(document[path[0]], path[1:], value)
    return changed


def mutated(chance: random.Random, frame: bytes) -> bytes:
    if chance.random() < 0.6:  # as a document
        document = json.loads(frame)
        path = chance.choice(list(_nodes(document)))
        return json.dumps(_with(document, path, chance.choice(_NODES))).encode("utf-8", "replace")
    return _cut(chance, frame)


def _cut(chance: random.Random, frame: bytes) -> bytes:
    start, end = sorted(chance.randrange(len(frame) + 1) for _ in range(2))
    filling = chance.choice((*_WORDS, chance.randbytes(3), frame[start:end] * 2))
    return frame[:start] + filling + frame[end:]


def _is(value: Any, annotation: Any) -> bool:
    """Down to where a message is no longer one of ours: lists are looked into only for nested messages."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if hasattr(annotation, "_fields"):
        hints = typing.get_type_hints(annotation)
        return type(value) is annotation and all(_is(getattr(value, name), hints[name]) for name in hints)
    if origin is dict or annotation is dict:
        return isinstance(value, dict)
    if origin in (list, typing.get_origin(typing.Sequence[int])):
        nested = hasattr(arguments[0], "_fields")
        return isinstance(value, (list, tuple)) and (
            not nested or all(_is(one, arguments[0]) for one in value)
        )
    if arguments:
        return any(_is(value, argument) for argument in arguments)
    return isinstance(value, (int, float) if annotation is float else annotation)


def test_a_message_is_refused_or_what_it_says() -> None:
    chance = random.Random(16)
    frames = [encode(message, 5) for message in _VALID]
    for frame in frames:
        assert _is(decode(frame)[0], type(decode(frame)[0]))
    taken = refused = 0
    for _ in rounds(2000):
        frame = mutated(chance, chance.choice(frames))
        try:
            message, sequence = decode(frame)
        except ValueError:
            refused += 1
        else:
            taken += 1
            assert type(sequence) is int
            assert _is(message, type(message)), frame
    assert taken
    assert refused > taken


@pytest.mark.parametrize(
    "payload", [b"", b"\0", b"Internal", b"Internal\0x\0y", b"exit\0" + b"1\0y", b"\xff\0\xd9\xa3\0"]
)
def test_an_error_of_the_child_is_always_an_error(payload: bytes) -> None:
    error = failure.unpack(payload)
    assert (error.kind, error.exit_code) == ("Internal", failure.NO_START)


def test_mutated_errors_of_the_child() -> None:
    chance, valid = random.Random(17), failure.pack(OciError("Conflict", "no such thing", 127))
    assert str(failure.unpack(valid)) == "no such thing"
    for _ in rounds(2000):
        error = failure.unpack(_cut(chance, valid))
        assert error.kind in failure._KINDS
        assert 0 <= error.exit_code < 1000


def test_packets_of_the_child_bring_no_descriptor_that_stays() -> None:
    chance = random.Random(18)
    before = sorted(os.listdir("/proc/self/fd"))
    for _ in rounds(200):
        one, other = link.pair()
        with open("/dev/null", "rb") as null:
            one.send_file(chance.choice((link.CONSOLE, link.BORN, b"?")), null.fileno())
        one.send(chance.randbytes(1), chance.randbytes(chance.randrange(40)))
        one.close()
        letters = []
        while (packet := other.receive())[0]:
            letters.append(packet[0])
            if packet[2] >= 0:
                os.close(packet[2])
        assert len(letters) == 2
        other.close()
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_what_a_starter_says_that_was_killed_or_is_cut_is_a_failure() -> None:
    assert starter.told(None).kind == "Internal"  # type: ignore[union-attr]
    for length in range(len(starter.SAMPLE)):
        told = starter.told(Packet(starter.SAMPLE[:length], []))
        assert isinstance(told, starter.Failure)
    for odd in (("Born", (1,)), ("Evil", ()), 7, ("Born",), None, ("Executing", "abcd", 1)):
        assert isinstance(starter.told(Packet(marshal.dumps(odd), [])), starter.Failure)
