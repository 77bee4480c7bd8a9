"""Columns, --format, ports, human words."""

import pytest

from boxship.cli import human
from boxship.cli.container.ports import displayed
from boxship.cli.tables import Listing, align
from boxship.errors import BoxshipError

LISTING = Listing({"ID": "CONTAINER ID", "Name": "NAME", "Size": "SIZE"}, ("ID", "Name"), "ID")
ROWS = [
    {"ID": "aaa", "Name": "a-rather-long-name", "Size": "1<2"},
    {"ID": "bbb", "Name": "b", "Size": "2"},
]
TABLE = "CONTAINER ID   NAME\naaa            a-rather-long-name\nbbb            b\n"


def test_cells_have_a_least_width_and_three_blanks_between() -> None:
    text = align([["A", "B", "C"], ["a-long-cell-text", "b", "last"]])
    assert text == "A                  B         C\na-long-cell-text   b         last\n"


def test_a_line_without_a_cell_parts_blocks() -> None:
    text = align([["aaaaaaaaaaaaaaaaaaaa", "b"], [""], ["c", "d"]])
    assert text == "aaaaaaaaaaaaaaaaaaaa   b\n\nc         d\n"


@pytest.mark.parametrize(
    ("text", "quiet", "output"),
    [
        ("", True, "aaa\nbbb\n"),
        ("", False, "CONTAINER ID   NAME\naaa            a-rather-long-name\nbbb            b\n"),
        (
            "table",
            False,
            "CONTAINER ID   NAME\naaa            a-rather-long-name\nbbb            b\n",
        ),
        (
            "table {{.ID}}\\t{{.Size}}",
            False,
            "CONTAINER ID   SIZE\naaa            1<2\nbbb            2\n",
        ),
        ("{{.Name}}", False, "a-rather-long-name\nb\n"),
        ("{{.Name}}", True, "a-rather-long-name\nb\n"),
        ("{{upper .ID}}\\t{{.Size}}", False, "AAA\t1<2\nBBB\t2\n"),
        (
            "json",
            False,
            '{"ID":"aaa","Name":"a-rather-long-name","Size":"1\\u003c2"}\n'
            '{"ID":"bbb","Name":"b","Size":"2"}\n',
        ),
    ],
)
def test_listing(text: str, output: str, *, quiet: bool) -> None:
    assert LISTING.render(ROWS, text, quiet=quiet) == output


@pytest.mark.parametrize("text", ["{{.Name", "{{nope .Name}}", "table {{"])
def test_a_bad_template_is_an_error(text: str) -> None:
    with pytest.raises(BoxshipError):
        LISTING.render(ROWS, text)


def port(private: int, public: int = 0, address: str = "", kind: str = "tcp") -> dict[str, object]:
    return {"PrivatePort": private, "PublicPort": public, "IP": address, "Type": kind}


@pytest.mark.parametrize(
    ("ports", "text"),
    [
        ([], ""),
        ([port(80)], "80/tcp"),
        ([port(80), port(443), port(81)], "80-81/tcp, 443/tcp"),
        ([port(80, 8080, "0.0.0.0")], "0.0.0.0:8080->80/tcp"),
        (
            [port(80, 8080, "::"), port(80, 8080, "0.0.0.0")],
            "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp",
        ),
        (
            [port(number, number, "0.0.0.0") for number in (8002, 8000, 8001)],
            "0.0.0.0:8000-8002->8000-8002/tcp",
        ),
        ([port(53, 0, "", "udp"), port(53)], "53/tcp, 53/udp"),
        (
            [port(80, 8080, "0.0.0.0"), port(90, 90, "127.0.0.1"), port(100)],
            "127.0.0.1:90->90/tcp, 100/tcp, 0.0.0.0:8080->80/tcp",
        ),
    ],
)
def test_ports(ports: list[dict[str, object]], text: str) -> None:
    assert displayed(ports) == text


def test_texts_are_cut_with_an_ellipsis() -> None:
    assert human.ellipsis("short", 10) == "short"
    assert human.ellipsis("0123456789abc", 10) == "012345678…"
    assert human.short_id("sha256:" + "a" * 64) == "a" * 12
    assert human.labels({"b": "2", "a": "1"}) == "a=1,b=2"
    assert human.labels(None) == ""
