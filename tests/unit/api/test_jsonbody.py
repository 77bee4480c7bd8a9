import msgspec
import pytest

from boxship.api.jsonbody import decode_json
from boxship.errors import InvalidParameterError


class Healthcheck(msgspec.Struct, rename="pascal"):
    test: list[str] = []
    interval: int = 0


class Config(msgspec.Struct, rename="pascal"):
    image: str = ""
    cmd: list[str] | str | None = None
    env: list[str] = []
    labels: dict[str, str] = {}
    exposed_ports: dict[str, dict[str, str]] = {}
    healthcheck: Healthcheck | None = None
    health: Healthcheck = msgspec.field(default_factory=Healthcheck)
    checks: list[Healthcheck] = []
    ratio: float = 1.0
    parent: "Config | None" = None


def test_key_case_is_folded_for_fields_and_kept_for_maps() -> None:
    config = decode_json(
        b'{"IMAGE":"x","labels":{"KeyA":"v"},"healthCheck":{"TEST":["a"]}}', Config
    )
    assert config.image == "x"
    assert config.labels == {"KeyA": "v"}
    assert config.healthcheck == Healthcheck(test=["a"])


def test_null_means_not_given_for_every_field() -> None:
    body = b'{"Image":null,"Cmd":null,"Env":null,"Labels":null,"Healthcheck":null,"Health":null}'
    assert decode_json(body, Config) == Config()


def test_null_inside_lists_and_maps_is_the_zero_value() -> None:
    config = decode_json(
        b'{"ExposedPorts":{"80/tcp":null},"Env":[null],"Labels":{"a":null},"Checks":[null]}', Config
    )
    assert config.exposed_ports == {"80/tcp": {}}
    assert config.env == [""]
    assert config.labels == {"a": ""}
    assert config.checks == [Healthcheck()]


def test_unknown_fields_are_ignored_and_structs_may_nest() -> None:
    config = decode_json(b'{"Nope":{"a":1},"parent":{"parent":{"image":"y","cmd":"sh"}}}', Config)
    assert config.parent is not None
    assert config.parent.parent == Config(image="y", cmd="sh")


def test_integers_are_accepted_for_floats() -> None:
    assert decode_json(b'{"Ratio": 2}', Config).ratio == 2.0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "invalid JSON: got EOF while reading request body"),
        (b"  \n", "invalid JSON: got EOF while reading request body"),
        (b"{", "invalid JSON: "),
        (b'{"Image":1}', r"invalid JSON: Expected `str`, got `int` - at `\$.Image`"),
        (b'{"Env":"a"}', "invalid JSON: "),
        (b"[]", "invalid JSON: "),
        (b'{"Image":"\xff"}', "invalid JSON: "),
        (b"{} {}", "unexpected content after JSON"),
    ],
)
def test_bad_documents_are_refused(body: bytes, message: str) -> None:
    with pytest.raises(InvalidParameterError, match=message):
        decode_json(body, Config)
