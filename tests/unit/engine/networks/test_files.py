"""The texts of a container's name files."""

from boxship.engine.networks import files
from boxship.engine.networks.files import ResolvConf

HOST = """\
# a comment
nameserver 127.0.0.53 ; the stub
nameserver 192.0.2.53
domain old.example
search corp.example lab.example
options edns0 ndots:2
options timeout:1
nonsense
"""


def test_resolv_conf_is_read_as_the_c_library_does() -> None:
    assert files.parse_resolv_conf(HOST) == ResolvConf(
        nameservers=("127.0.0.53", "192.0.2.53"),
        search=("corp.example", "lab.example"),
        options=("edns0", "ndots:2", "timeout:1"),
    )


def test_servers_on_loopback_are_dropped_and_replaced_when_none_is_left() -> None:
    host = files.parse_resolv_conf(HOST)
    assert files.without_loopback(host).nameservers == ("192.0.2.53",)
    alone = ResolvConf(nameservers=("127.0.0.1", "::1"))
    assert files.without_loopback(alone).nameservers == files.FALLBACK_NAMESERVERS


def test_what_the_user_gave_wins() -> None:
    host = files.parse_resolv_conf(HOST)
    given = files.override(host, ("1.1.1.1",), (".",), ())
    assert given == ResolvConf(
        nameservers=("1.1.1.1",), search=(), options=("edns0", "ndots:2", "timeout:1")
    )


def test_the_embedded_server_keeps_a_given_ndots() -> None:
    assert files.with_embedded_dns(ResolvConf()).options == ("ndots:0",)
    assert files.with_embedded_dns(ResolvConf(options=("ndots:5",))).options == ("ndots:5",)


def test_hosts() -> None:
    text = files.render_hosts([("10.0.0.1", "db")], [("172.17.0.2", "web")])
    assert text.startswith("127.0.0.1\tlocalhost\n::1\tlocalhost")
    assert text.endswith("10.0.0.1\tdb\n172.17.0.2\tweb\n")
    assert "::1" not in files.render_hosts([], [], ipv6=False)


def test_addresses_with_a_zone_and_names_are_judged() -> None:
    assert files.is_loopback("127.0.0.53")
    assert files.is_loopback("::1")
    assert not files.is_loopback("fe80::1%eth0")
    assert not files.is_loopback("nonsense")
