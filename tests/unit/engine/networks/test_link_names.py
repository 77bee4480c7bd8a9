from boxship.engine.networks.names import NameDirectory
from boxship.engine.networks.sandbox import Endpoint, Sandbox


def sandbox(name: str, ip: str, *links: str, network: str = "mine") -> Sandbox:
    endpoint = Endpoint(
        network_id=network,
        network_name=network,
        endpoint_id=name,
        ipv4=ip,
        dns_names=(name,),
        links=links,
    )
    return Sandbox(container_id=name, netns_path="", endpoints=(endpoint,))


ASKING = sandbox("app", "10.0.0.2", "Upstream:Bar", "web", "gone:lost")
ALL = (
    ASKING,
    sandbox("upstream", "10.0.0.3"),
    sandbox("web", "10.0.0.4"),
    sandbox("bar", "10.0.0.5"),
    sandbox("other", "10.0.0.6"),
)
DIRECTORY = NameDirectory(lambda: ALL)


def test_a_link_gives_another_name_to_who_has_it_alone() -> None:
    assert DIRECTORY.addresses(ASKING, "bar", 4) == ["10.0.0.3"]
    assert DIRECTORY.addresses(ALL[4], "bar", 4) == ["10.0.0.5"]


def test_other_names_stay() -> None:
    assert DIRECTORY.addresses(ASKING, "web", 4) == ["10.0.0.4"]
    assert DIRECTORY.addresses(ASKING, "upstream", 4) == ["10.0.0.3"]


def test_a_link_to_what_is_not_there_is_no_name() -> None:
    assert DIRECTORY.addresses(ASKING, "lost", 4) is None
