from pathlib import Path

from sampan.network.names import NetworkNames, for_root


def test_the_default_root_has_the_plain_names() -> None:
    assert for_root("/var/lib/sampan") == NetworkNames("sampan0", "sampan")
    assert for_root("/var/lib/../lib/sampan/") == NetworkNames("sampan0", "sampan")


def test_another_root_has_names_of_its_own_that_fit_an_interface() -> None:
    one, other = for_root("/srv/one"), for_root("/srv/two")
    assert one == for_root("/srv/one") != other
    assert one.bridge == one.table and one.bridge.startswith("sampan-")
    assert len(one.bridge) <= 15


def test_links_to_a_root_are_the_root(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert for_root(str(tmp_path / "link")) == for_root(str(tmp_path / "real"))
