"""The flag parser, case by case against pflag's behaviour."""

import pytest

from boxship.cli.errors import UsageError
from boxship.cli.flags import Flag, Flags, parse

FLAGS = (
    Flag("all", "a", "bool", ""),
    Flag("interactive", "i", "bool", ""),
    Flag("tty", "t", "bool", ""),
    Flag("proxy", "", "bool", "", default=True),
    Flag("name", "n", "string", "", default="none"),
    Flag("env", "e", "list", ""),
    Flag("tags", "", "slice", ""),
    Flag("count", "c", "int", "", default=-1),
    Flag("weight", "", "uint16", ""),
    Flag("memory", "m", "bytes", ""),
    Flag("swap", "", "memswap", ""),
    Flag("interval", "", "duration", ""),
    Flag("cpus", "", "decimal", ""),
)


def flags_of(*words: str) -> Flags:
    return parse(FLAGS, list(words)).flags


@pytest.mark.parametrize(
    ("words", "args", "name", "value"),
    [
        (["--all"], [], "all", True),
        (["--all=false", "x"], ["x"], "all", False),
        (["--all", "false"], ["false"], "all", True),
        (["--proxy=0"], [], "proxy", False),
        ([], [], "proxy", True),
        (["-ait", "x"], ["x"], "tty", True),
        (["-it=false"], [], "tty", False),
        (["-ain", "web"], [], "name", "web"),
        (["-nweb", "x"], ["x"], "name", "web"),
        (["-n=web"], [], "name", "web"),
        (["--name=a=b"], [], "name", "a=b"),
        (["--name="], [], "name", ""),
        (["--name", "--all"], [], "name", "--all"),
        (["-n", "-x"], [], "name", "-x"),
        ([], [], "name", "none"),
        (["x", "--name", "y", "z"], ["x", "z"], "name", "y"),
        (["x", "--", "--name", "y"], ["x", "--name", "y"], "name", "none"),
        (["-", "x"], ["-", "x"], "name", "none"),
        (["-e", "A=1", "--env", "B=2,3"], [], "env", ["A=1", "B=2,3"]),
        (["--tags", "a, b", "--tags=c"], [], "tags", ["a", "b", "c"]),
        (["-c", "5"], [], "count", 5),
        (["-c-5"], [], "count", -5),
        (["--count=0x10"], [], "count", 16),
        (["--count=010"], [], "count", 8),
        ([], [], "count", -1),
        (["-m", "1.5g"], [], "memory", 1610612736),
        (["--swap", "-1"], [], "swap", -1),
        (["--interval", "1m30s"], [], "interval", 90 * 10**9),
        (["--cpus", "1.5"], [], "cpus", 1_500_000_000),
        (["--cpus", ".25"], [], "cpus", 250_000_000),
    ],
)
def test_words(words: list[str], args: list[str], name: str, value: object) -> None:
    parsed = parse(FLAGS, words)
    assert parsed.args == args
    kind = type(value)
    read = {bool: "on", str: "text", list: "items", int: "number"}[kind]
    assert getattr(parsed.flags, read)(name) == value


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--nope"], "unknown flag: --nope"),
        (["-x"], "unknown shorthand flag: 'x' in -x"),
        (["-aix"], "unknown shorthand flag: 'x' in -x"),
        (["--=x"], "bad flag syntax: --=x"),
        (["---a"], "bad flag syntax: ---a"),
        (["--name"], "flag needs an argument: --name"),
        (["-an"], "flag needs an argument: 'n' in -n"),
        (
            ["--all=maybe"],
            'invalid argument "maybe" for "-a, --all" flag: '
            'strconv.ParseBool: parsing "maybe": invalid syntax',
        ),
        (
            ["-c", "x"],
            'invalid argument "x" for "-c, --count" flag: '
            'strconv.ParseInt: parsing "x": invalid syntax',
        ),
        (
            ["--weight=70000"],
            'invalid argument "70000" for "--weight" flag: '
            'strconv.ParseUint: parsing "70000": value out of range',
        ),
        (
            ["--weight=-1"],
            'invalid argument "-1" for "--weight" flag: '
            'strconv.ParseUint: parsing "-1": invalid syntax',
        ),
        (["-m", "x"], 'invalid argument "x" for "-m, --memory" flag: invalid size: \'x\''),
        (
            ["--cpus=x"],
            'invalid argument "x" for "--cpus" flag: failed to parse x as a rational number',
        ),
        (
            ["--interval=5"],
            'invalid argument "5" for "--interval" flag: time: missing unit in duration "5"',
        ),
    ],
)
def test_errors_have_pflags_words(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(FLAGS, words)
    assert str(caught.value) == message
    assert caught.value.code == 125


def test_all_after_the_first_argument_belongs_to_the_container() -> None:
    parsed = parse(FLAGS, ["-a", "image", "-n", "x", "--", "-y"], interspersed=False)
    assert parsed.args == ["image", "-n", "x", "--", "-y"]
    assert not parsed.flags.changed("name")


def test_changed_tells_given_from_default() -> None:
    assert flags_of("--name=none").changed("name")
    assert not flags_of().changed("name")


def test_help_has_a_short_form_unless_hostname_took_it() -> None:
    assert flags_of("-h").on("help")
    with_host = (Flag("hostname", "h", "string", ""),)
    assert parse(with_host, ["-h", "x"]).flags.text("hostname") == "x"
