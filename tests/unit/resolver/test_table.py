from pathlib import Path

import pytest

from sampan.resolver import table
from sampan.resolver.table import Client, Entry, Names, Network, Table

WEB = Entry("w" * 64, ["web", "www", "Alias"], ["172.18.0.2", "fd00::2"])
OTHER = Entry("o" * 64, ["other", "www"], ["172.18.0.3"])
NAMES = Names(
    {
        "n1": Network("one", False, ["172.18.0.1"], [WEB, OTHER]),
        "n2": Network("two", True, [], [Entry("x" * 64, ["hidden"], ["172.19.0.2"])]),
    },
    {"c": Client(["n1"], {"short": "o" * 64}, ["192.0.2.53"]), "inner": Client(["n2"], {}, [])},
)
CLIENT = NAMES.clients["c"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("web", ["172.18.0.2", "fd00::2"]),
        ("web.one", ["172.18.0.2", "fd00::2"]),
        ("alias", ["172.18.0.2", "fd00::2"]),
        ("www", ["172.18.0.2", "fd00::2", "172.18.0.3"]),
        ("short", ["172.18.0.3"]),
        ("host.docker.internal", ["172.18.0.1"]),
        ("hidden", None),
        ("web.two", None),
        ("example.com", None),
    ],
)
def test_find(name: str, expected: list[str] | None) -> None:
    assert table.find(NAMES, CLIENT, name, set()) == expected


def test_the_dead_are_not_found() -> None:
    assert table.find(NAMES, CLIENT, "www", {"w" * 64}) == ["172.18.0.3"]
    assert table.find(NAMES, CLIENT, "web", {"w" * 64}) is None


def test_the_end_of_one_run_is_not_that_of_the_next() -> None:
    first, second, none = (Entry(table.run_of("w", life), ["web"], ["172.18.0.2"]) for life in ("1", "2", ""))
    for entry, there in ((first, None), (second, ["172.18.0.2"]), (none, ["172.18.0.2"])):
        names = Names({"n": Network("one", False, [], [entry])}, {"c": Client(["n"], {"short": "w"}, [])})
        assert table.find(names, names.clients["c"], "web", {first.run}) == there
        assert table.find(names, names.clients["c"], "short", {first.run}) == there
        assert table.runs(names, "w") == ({entry.run} if entry is not none else set())
        assert table.runs(names, "x") == set()


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("2.0.18.172.in-addr.arpa", "web.one"),
        ("2." + "0." * 29 + "d.f.ip6.arpa", "web.one"),
        ("2.0.19.172.in-addr.arpa", None),
        ("x.0.19.172.in-addr.arpa", None),
        ("172.in-addr.arpa", None),
    ],
)
def test_find_name(question: str, name: str | None) -> None:
    assert table.find_name(NAMES, CLIENT, question, set()) == name


def test_who_is_inside_asks_nobody_else() -> None:
    assert table.forwards(NAMES, CLIENT)
    assert not table.forwards(NAMES, NAMES.clients["inner"])


def test_what_is_encoded_reads_back() -> None:
    assert table.decode(table.encode(NAMES)) == NAMES
    for wrong in (b"", b"{}", b"[1, 2]", b"[{}]", b'[{"a": 1}, {}]'):
        with pytest.raises(ValueError):
            table.decode(wrong)


def test_the_file_is_read_again_when_it_was_replaced(tmp_path: Path) -> None:
    read = Table(str(tmp_path))
    assert read.read() == table.NOTHING
    for names in (NAMES, Names({}, NAMES.clients)):
        (tmp_path / "new").write_bytes(table.encode(names))
        (tmp_path / "new").rename(tmp_path / table.FILE)
        assert read.read() == names
    (tmp_path / table.FILE).write_bytes(b"half")
    assert read.read() == Names({}, NAMES.clients), "what was known last"
