import pytest

from boxship.engine.security.capabilities import ALL, DEFAULT, effective, normalize, of_mask
from boxship.errors import InvalidParameterError


def test_names_take_any_form() -> None:
    assert normalize(("net_admin", "CAP_CHOWN", "all", "CAP_ALL")) == (
        "CAP_NET_ADMIN",
        "CAP_CHOWN",
        "ALL",
        "ALL",
    )
    with pytest.raises(InvalidParameterError, match='invalid capability: "FLY"'):
        normalize(("FLY",))


@pytest.mark.parametrize(
    ("add", "drop", "expected"),
    [
        ((), (), DEFAULT),
        (("NET_ADMIN",), (), (*DEFAULT, "CAP_NET_ADMIN")),
        ((), ("ALL",), ()),
        (("CHOWN",), ("ALL",), ("CAP_CHOWN",)),
        (("ALL",), ("CHOWN",), tuple(name for name in ALL if name != "CAP_CHOWN")),
        ((), ("MKNOD",), tuple(name for name in DEFAULT if name != "CAP_MKNOD")),
    ],
)
def test_adding_and_dropping(
    add: tuple[str, ...], drop: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert effective(ALL, add, drop) == expected


def test_nothing_is_given_that_is_not_there() -> None:
    assert effective(("CAP_CHOWN",), ("SYS_ADMIN",), ()) == ("CAP_CHOWN",)
    assert effective(("CAP_CHOWN",), (), ("ALL",), privileged=True) == ("CAP_CHOWN",)


def test_mask() -> None:
    assert set(of_mask(0xA80425FB)) == set(DEFAULT)
