"""Contexts on the disk."""

import json
from pathlib import Path

import pytest

from sampan.cli.context.store import Store, check_name
from sampan.errors import InvalidArgument, NotFound

META = {"Name": "far", "Metadata": {}, "Endpoints": {"docker": {"Host": "tcp://far:1"}, "other": {"a": 1}}}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.write(META, {"docker": {"ca.pem": b"x"}})
    assert store.names() == ["far"]
    assert store.read("far") == META
    assert store.material("far") == {"docker": {"ca.pem": b"x"}}
    key = Path(store.tls_path("far"), "docker", "ca.pem")
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.parent.stat().st_mode & 0o777 == 0o700


def test_writing_again_replaces_the_files(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.write(META, {"docker": {"ca.pem": b"x"}})
    store.write(META, {})
    assert store.material("far") == {}


def test_dockers_place(tmp_path: Path) -> None:
    """As the stock client of version 28 names the directory of a context `foo`."""
    digest = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
    place = tmp_path / "contexts" / "meta" / digest
    place.mkdir(parents=True)
    (place / "meta.json").write_text(json.dumps({"Name": "foo", "Metadata": {}, "Endpoints": {}}))
    assert Store(str(tmp_path)).read("foo")["Name"] == "foo"
    Store(str(tmp_path)).remove("foo")
    assert not place.exists()


def test_not_there(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    assert store.names() == []
    store.remove("none")
    with pytest.raises(
        NotFound, match=r'context "none": context not found: open .*/meta\.json: no such file'
    ):
        store.read("none")


def test_broken(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    place = Path(store.meta_path("far"))
    place.mkdir(parents=True)
    (place / "meta.json").write_text("[]")
    with pytest.raises(InvalidArgument, match="parsing"):
        store.read("far")


@pytest.mark.parametrize("name", ["default", "", "a", "a b", "-a", "a/b"])
def test_no_names(name: str) -> None:
    with pytest.raises(InvalidArgument):
        check_name(name)
