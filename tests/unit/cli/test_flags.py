"""pflag's grammar."""

import pytest

from sampan.cli.flags import FlagError, HelpWanted, Parser, Values, filters

FLAGS = (
    ("all", "a", "bool", False, "x"),
    ("detach", "d", "bool", False, "x"),
    ("interactive", "i", "bool", False, "x"),
    ("tty", "t", "bool", False, "x"),
    ("last", "n", "int", -1, "x"),
    ("publish", "p", "list", None, "x"),
    ("name", "", "string", "", "x"),
    ("filter", "f", "filter", None, "x"),
    ("memory", "m", "bytes", 0, "x"),
)


def parse(*words: str, interspersed: bool = True) -> tuple[Values, list[str]]:
    parser = Parser(FLAGS, interspersed=interspersed)
    parser.parse(words)
    return parser.values, parser.arguments


@pytest.mark.parametrize(
    ("words", "changed", "arguments"),
    [
        (["-itp8080:80", "img"], {"interactive": True, "tty": True, "publish": ["8080:80"]}, ["img"]),
        (["-dp", "81:80", "img"], {"detach": True, "publish": ["81:80"]}, ["img"]),
        (["-dp=80:80"], {"detach": True, "publish": ["80:80"]}, []),
        (["-p=80:80"], {"publish": ["80:80"]}, []),
        (["-p", "1", "-p2", "--publish=3", "--publish", "4"], {"publish": ["1", "2", "3", "4"]}, []),
        (["--tty=false"], {"tty": False}, []),
        (["--tty=T"], {"tty": True}, []),
        (["-t=false"], {"tty": False}, []),
        (["--tty", "false"], {"tty": True}, ["false"]),
        (["--name", "--tty"], {"name": "--tty"}, []),
        (["--name="], {"name": ""}, []),
        (["--name=a=b"], {"name": "a=b"}, []),
        (["-n-1"], {"last": -1}, []),
        (["-n", "-1"], {"last": -1}, []),
        (["-n=0x10"], {"last": 16}, []),
        (["-n010"], {"last": 8}, []),
        (["-m64m"], {"memory": 64 * 1024**2}, []),
        (["-f", "A = b=c "], {"filter": [("a", "b=c")]}, []),
        (["a", "-t", "b"], {"tty": True}, ["a", "b"]),
        (["a", "--", "-t", "b"], {}, ["a", "-t", "b"]),
        (["-"], {}, ["-"]),
        (["-p", "-"], {"publish": ["-"]}, []),
        (["-p="], {"publish": ["="]}, []),
        (["", "-t"], {"tty": True}, [""]),
    ],
)
def test_grammar(words: list[str], changed: dict[str, object], arguments: list[str]) -> None:
    values, rest = parse(*words)
    assert {name: values[name] for name in values.changed} == changed
    assert rest == arguments


def test_after_the_first_argument_nothing_is_a_flag_where_docker_says_so() -> None:
    values, rest = parse("-t", "img", "-a", "--bogus", "--", "x", interspersed=False)
    assert values["tty"]
    assert not values["all"]
    assert rest == ["img", "-a", "--bogus", "--", "x"]
    assert parse("--", "-t", interspersed=False)[1] == ["-t"]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--bogus"], "unknown flag: --bogus"),
        (["--bogus=1"], "unknown flag: --bogus"),
        (["-Z"], "unknown shorthand flag: 'Z' in -Z"),
        (["-aZx"], "unknown shorthand flag: 'Z' in -Zx"),
        (["-n"], "flag needs an argument: 'n' in -n"),
        (["-an"], "flag needs an argument: 'n' in -n"),
        (["--last"], "flag needs an argument: --last"),
        (["--=x"], "unknown flag: --"),
        (["---x"], "bad flag syntax: ---x"),
        (
            ["-naZ"],
            'invalid argument "aZ" for "-n, --last" flag: strconv.ParseInt: parsing "aZ": invalid syntax',
        ),
        (
            ["--all=x"],
            'invalid argument "x" for "-a, --all" flag: strconv.ParseBool: parsing "x": invalid syntax',
        ),
        (["-n", "9" * 20], f'invalid argument "{"9" * 20}" for "-n, --last" flag: strconv.ParseInt: parsing'),
        (
            ["-f", "a"],
            'invalid argument "a" for "-f, --filter" flag: bad format of filter (expected name=value)',
        ),
        (["-m", "x"], 'invalid argument "x" for "-m, --memory" flag: invalid size: \'x\''),
    ],
)
def test_errors(words: list[str], error: str) -> None:
    if words == ["--=x"]:
        error = "bad flag syntax: --=x"
    with pytest.raises(FlagError) as raised:
        parse(*words)
    assert str(raised.value).startswith(error)


def test_help_comes_after_errors() -> None:
    with pytest.raises(HelpWanted):
        parse("-h", "-t")
    with pytest.raises(HelpWanted):
        parse("--help", "x")
    with pytest.raises(FlagError):
        parse("--help", "--bogus")


def test_h_is_a_flag_where_there_is_one() -> None:
    parser = Parser((("hostname", "h", "string", "", "x"),))
    parser.parse(["-h", "web"])
    assert parser.values["hostname"] == "web"


def test_defaults_are_not_shared() -> None:
    parse("-p", "1")
    assert parse()[0]["publish"] == []


def test_filters() -> None:
    assert filters([("a", "1"), ("b", "2"), ("a", "3")]) == {"a": ["1", "3"], "b": ["2"]}
