"""Records of a cache on their way, and what is no cache."""

import json

import pytest

from sampan.build import exchange
from sampan.build.cache import Record
from sampan.build.exchange import CachedLayer, Entry
from sampan.errors import InvalidArgument
from sampan.oci.image import Descriptor

A, B, C = "a" * 64, "b" * 64, "c" * 64
BLOB = Descriptor("sha256:" + "1" * 64, 10, "application/vnd.oci.image.layer.v1.tar+gzip")
LAYER = CachedLayer("sha256:" + "2" * 64, BLOB)


def test_there_and_back() -> None:
    records = [Record(A, B, 7, 1.25), Record(C, C, None, 0.1 + 0.2)]
    data, layers = exchange.document(records, {7: LAYER})
    assert layers == [LAYER]
    found = exchange.parse(data, [BLOB])
    assert found.layers == [LAYER]
    assert found.entries == [Entry(A, B, 1.25, 0), Entry(B, B, 1.25, 0), Entry(C, C, 0.1 + 0.2, None)]


def test_a_record_without_its_layer_is_left_out() -> None:
    data, layers = exchange.document([Record(A, A, 7, 1.0)], {})
    assert layers == []
    assert exchange.parse(data, []).entries == []


def test_in_an_image() -> None:
    told = exchange.inline([Record(A, B, 7, 1.25), Record(C, C, None, 2.0), Record(C, C, 8, 2.0)], {7: 3})
    assert json.loads(json.dumps(told)) == told
    assert exchange.of_image(told, 4) == [
        Entry(A, B, 1.25, 3),
        Entry(B, B, 1.25, 3),
        Entry(C, C, 2.0, None),
    ]
    assert exchange.of_image(None, 4) == []


@pytest.mark.parametrize(
    "told",
    [
        "text",
        [1],
        [{"key": A}],
        [{"key": "../" + A, "chain": A, "created": 1.0}],
        [{"key": A, "chain": "", "created": 1.0}],
        [{"key": A, "chain": A, "created": -1.0}],
        [{"key": A, "chain": A, "created": 1e300}],
        [{"key": A, "chain": A, "created": 1.0, "layer": 4}],
        [{"key": A, "chain": A, "created": 1.0, "layer": -1}],
    ],
)
def test_what_an_image_cannot_say(told: object) -> None:
    with pytest.raises(InvalidArgument, match="invalid cache"):
        exchange.of_image(told, 4)


def test_another_builders_records_are_passed_over() -> None:
    document = {
        "layers": [{"blob": BLOB.digest, "parent": -1, "annotations": {"diffID": LAYER.diff_id}}],
        "records": [{"digest": "sha256:" + A, "layers": [{"layer": 0, "createdAt": "2026-01-01T00:00:00Z"}]}],
    }
    assert exchange.parse(json.dumps(document).encode(), [BLOB]).entries == []


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b'{"layers": []}',
        b'{"layers": [{"blob": "x"}], "records": []}',
        b'{"layers": [{"blob": "sha256:' + b"1" * 64 + b'"}], "records": []}',
        json.dumps(
            {"layers": [], "records": [{"digest": A, "layers": [{"layer": 0}], "chain": A, "created": 1}]}
        ).encode(),
    ],
)
def test_what_is_no_cache(document: bytes) -> None:
    with pytest.raises(InvalidArgument):
        exchange.parse(document, [BLOB])
