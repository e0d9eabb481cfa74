import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.runtime import protocol
from sampan.runtime.protocol import (
    Attach,
    Exited,
    Interface,
    Launch,
    Listener,
    Log,
    Rootfs,
    Started,
    decode,
    document,
    encode,
    from_document,
)

SCALARS: dict[typing.Any, st.SearchStrategy[typing.Any]] = {
    type(None): st.none(),
    str: st.text(),
    int: st.integers(),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
}
KINDS = typing.get_args(protocol.Message)


def values(annotation: typing.Any) -> st.SearchStrategy[typing.Any]:
    """What a field of that type may hold, as JSON gives it back."""
    if hasattr(annotation, "_fields"):
        return instances(annotation)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is dict:
        return st.dictionaries(st.text(), st.integers())
    if origin in (list, typing.get_origin(typing.Sequence[int])):
        return st.lists(values(arguments[0]), max_size=3)
    if arguments:
        return st.one_of([values(argument) for argument in arguments])
    return SCALARS[annotation]


def instances(kind: typing.Any) -> st.SearchStrategy[typing.Any]:
    return st.builds(kind, **{name: values(hint) for name, hint in typing.get_type_hints(kind).items()})


@given(st.one_of([instances(kind) for kind in KINDS]), st.integers(0, 2**31))
def test_round_trip(message: typing.Any, sequence: int) -> None:
    assert decode(encode(message, sequence)) == (message, sequence)


def test_nested_values_get_their_types_back() -> None:
    launch = Launch(
        "id",
        "/run/x",
        "/data/x",
        Rootfs(["/l"], "/u", "/w", ["/m"]),
        Log("none", ""),
        interfaces=[Interface("sampan0", "v1", "eth0", "", ["172.17.0.2/16"], 1500, sysctls=[])],
        listeners=[Listener(1, "tcp", "172.17.0.2", 80, False)],
        attaches=[Attach("s", True, True, True, "raw")],
        runtime=["/usr/bin/runc"],
    )
    decoded, _ = decode(encode(launch))
    assert decoded == launch
    assert isinstance(decoded.rootfs, Rootfs)
    assert isinstance(decoded.attaches[0], Attach)
    assert isinstance(decoded.listeners[0], Listener)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b'["Nosuch",0,[]]', b'["Kill",0,[]]', b"\xff", b"[1,2,3]"]
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a message"):
        decode(data)


def test_an_older_sender_s_message_has_the_defaults() -> None:
    message, _ = decode(b'["Exited",0,["id",1,false,"t","s"]]')
    assert message == Exited("id", 1, False, "t", "s", error="")


def test_documents_survive_a_newer_writer() -> None:
    started = Started("id", 5, 6, "t", 7)
    assert from_document(Started, document(started)) == started._replace(warnings=[])
    newer = document(started).replace(b'"pid"', b'"future": 1, "pid"')
    assert from_document(Started, newer) == started._replace(warnings=[])


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"id": 1}'])
def test_what_is_no_document_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a Started"):
        from_document(Started, data)
