import contextlib
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.errors import InvalidArgument
from sampan.oci.image import Index, Manifest, parse_config, parse_document

BLOB = {"digest": "sha256:" + "0" * 64, "size": 3}
MANIFEST = {"schemaVersion": 2, "config": BLOB, "layers": [BLOB]}
INDEX = {"schemaVersion": 2, "manifests": [BLOB]}
CONFIG = {"rootfs": {"type": "layers", "diff_ids": ["sha256:" + "1" * 64]}}


def raw(document: object) -> bytes:
    return json.dumps(document).encode()


def test_manifest_and_index_are_told_apart() -> None:
    assert isinstance(parse_document(raw(MANIFEST)), Manifest)
    assert isinstance(parse_document(raw(INDEX)), Index)


@pytest.mark.parametrize(
    "extra", [{"manifests": []}, {"fsLayers": []}, {"schemaVersion": 3}, {"layers": None}]
)
def test_ambiguous_documents(extra: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument):
        parse_document(raw(MANIFEST | extra))


def test_null_counts_as_absent() -> None:
    assert isinstance(parse_document(raw(INDEX | {"config": None, "layers": None})), Index)


def test_media_types_of_docker_and_oci_are_equals() -> None:
    for kind in ("application/vnd.oci.image.manifest.v1+json",
                 "application/vnd.docker.distribution.manifest.v2+json"):  # fmt: skip
        parse_document(raw(MANIFEST | {"mediaType": kind}), kind)


def test_configuration() -> None:
    config = parse_config(raw(CONFIG | {"config": {"Cmd": "a b", "Env": None, "Unknown": 1}}), 1)
    assert config.run.command == ["a", "b"]
    assert config.diff_ids == ["sha256:" + "1" * 64]


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"rootfs": {"type": "base"}},
        CONFIG | {"config": {"Env": "a=b"}},
        CONFIG | {"config": {"Labels": {"a": 1}}},
        CONFIG | {"config": {"Cmd": ["a\0"]}},
        CONFIG | {"config": {"StopTimeout": "3"}},
        {"rootfs": {"type": "layers", "diff_ids": ["sha256:../.."]}},
    ],
)
def test_bad_configurations(config: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument):
        parse_config(raw(config))


def test_number_of_layers() -> None:
    with pytest.raises(InvalidArgument, match="expected 2, got 1"):
        parse_config(raw(CONFIG), 2)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*MANIFEST, *INDEX, *CONFIG, "config"]), json_values))
def test_any_json_is_parsed_or_refused(document: dict[str, object]) -> None:
    for parse in (parse_document, parse_config):
        with contextlib.suppress(InvalidArgument):
            parse(msgspec.json.encode(document))


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    for parse in (parse_document, parse_config):
        with pytest.raises(InvalidArgument):
            parse(data)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(InvalidArgument):
        parse_document(b"[" * 100_000)
