"""Flags, daemon.json and their merge."""

import json
from pathlib import Path
from typing import Any

import pytest

from boxship.daemon.config import build_config
from boxship.daemon.options import Values, load, merge, parse_command_line, read_file
from boxship.daemon.reference import settings_page
from boxship.daemon.settings import IGNORED, SETTINGS, UNSUPPORTED, unsupported_flags
from boxship.engine.config import AddressPool, EngineConfig, RuntimeConfig, UlimitDefault
from boxship.errors import InvalidParameterError

# Every flag of dockerd's reference, so that each is either honoured or refused with a reason.
DOCKERD_FLAGS = (
    "add-runtime allow-direct-routing authorization-plugin bip bip6 bridge bridge-accept-fwmark "
    "cdi-spec-dir cgroup-parent config-file containerd containerd-namespace "
    "containerd-plugins-namespace cpu-rt-period cpu-rt-runtime cri-containerd data-root debug "
    "default-address-pool default-cgroupns-mode default-gateway default-gateway-v6 "
    "default-ipc-mode default-network-opt default-runtime default-shm-size default-stop-timeout "
    "default-ulimit dns dns-opt dns-search exec-opt exec-root experimental feature "
    "firewall-backend fixed-cidr fixed-cidr-v6 group host host-gateway-ip http-proxy https-proxy "
    "icc init init-path insecure-registry ip ip-forward ip-forward-no-drop ip-masq ip6tables "
    "iptables ipv6 label live-restore log-driver log-format log-level log-opt "
    "max-concurrent-downloads max-concurrent-uploads max-download-attempts metrics-addr mtu "
    "network-control-plane-mtu network-diagnostic-port no-new-privileges no-proxy "
    "node-generic-resource pidfile raw-logs registry-mirror rootless seccomp-profile "
    "selinux-enabled shutdown-timeout storage-driver storage-opt swarm-default-advertise-addr tls "
    "tlscacert tlscert tlskey tlsverify userland-proxy userland-proxy-path userns-remap validate"
)


def values_of(*arguments: str, file: dict[str, Any] | None = None, tmp: Path) -> Values:
    path = tmp / "daemon.json"
    path.write_text(json.dumps(file or {}))
    return load(parse_command_line(["--config-file", str(path), *arguments]))


def engine_of(*arguments: str, file: dict[str, Any] | None = None, tmp: Path) -> EngineConfig:
    return build_config(values_of(*arguments, file=file, tmp=tmp)).engine


@pytest.mark.parametrize("flag", DOCKERD_FLAGS.split())
def test_every_flag_of_dockerd_is_known(flag: str) -> None:
    assert flag in {setting.flag for setting in SETTINGS} | unsupported_flags().keys()


def test_names_are_unique_and_defaults_are_valid(tmp_path: Path) -> None:
    names = [setting.name for setting in SETTINGS]
    assert len(set(names)) == len(names)
    assert not set(names) & (UNSUPPORTED.keys() | IGNORED)
    config = build_config(values_of(tmp=tmp_path))
    assert config.engine == EngineConfig()
    assert config.hosts == ("unix:///run/boxship/boxship.sock",)


def test_the_reference_in_the_docs_is_current() -> None:
    page = Path(__file__).parents[3] / "docs" / "daemon-settings.md"
    assert page.read_text() == settings_page(), (
        "write it anew: python3 -c 'from boxship.daemon.reference import settings_page; "
        'print(settings_page(), end="")\' > docs/daemon-settings.md'
    )


@pytest.mark.parametrize(
    ("arguments", "file", "name", "expected"),
    [
        (["-D"], {}, "debug", True),
        (["--debug=false"], {}, "debug", False),
        ([], {"debug": True}, "debug", True),
        (["--icc=false"], {}, "icc", False),
        (
            ["-H", "unix:///a", "-H", "tcp://127.0.0.1:1"],
            {},
            "hosts",
            ("unix:///a", "tcp://127.0.0.1:1"),
        ),
        ([], {"hosts": ["fd://"]}, "hosts", ("fd://",)),
        (["--label", "a=b", "--label=c=d"], {}, "labels", ("a=b", "c=d")),
        (["--mtu", "1400"], {}, "mtu", 1400),
        (["--default-shm-size", "128M"], {}, "default-shm-size", 128 << 20),
        ([], {"default-shm-size": "1g"}, "default-shm-size", 1 << 30),
        ([], {"default-shm-size": 4096}, "default-shm-size", 4096),
        (
            ["--log-opt", "max-size=1m", "--log-opt", "tag=x=y"],
            {},
            "log-opts",
            {"max-size": "1m", "tag": "x=y"},
        ),
        (["--feature", "a", "--feature", "b=false"], {}, "features", {"a": True, "b": False}),
        ([], {"proxies": {"http-proxy": "http://p"}}, "http-proxy", "http://p"),
        (
            [],
            {"host-gateway-ips": ["192.0.2.1", "2001:db8::1"]},
            "host-gateway-ip",
            "192.0.2.1,2001:db8::1",
        ),
        ([], {"labels": None}, "labels", ()),
        ([], {"allow-nondistributable-artifacts": []}, "labels", ()),
        (
            ["--default-ulimit", "nofile=1024:2048"],
            {},
            "default-ulimits",
            (UlimitDefault(name="nofile", soft=1024, hard=2048),),
        ),
        (
            [],
            {"default-ulimits": {"nproc": {"Name": "nproc", "Soft": 1, "Hard": 2}}},
            "default-ulimits",
            (UlimitDefault(name="nproc", soft=1, hard=2),),
        ),
        (
            ["--default-address-pool", "base=10.9.0.0/16,size=24"],
            {},
            "default-address-pools",
            (AddressPool(base="10.9.0.0/16", size=24),),
        ),
        (
            [],
            {"default-address-pools": [{"base": "10.9.0.0/16", "size": 24}]},
            "default-address-pools",
            (AddressPool(base="10.9.0.0/16", size=24),),
        ),
        (
            [],
            {"runtimes": {"x": {"path": "/x", "runtimeArgs": ["-d"]}}},
            "runtimes",
            {"x": RuntimeConfig(path="/x", args=("-d",))},
        ),
        (
            ["--add-runtime", "y=/y"],
            {"runtimes": {"x": {"path": "/x"}}},
            "runtimes",
            {"x": RuntimeConfig(path="/x"), "y": RuntimeConfig(path="/y")},
        ),
    ],
)
def test_values(
    tmp_path: Path, arguments: list[str], file: dict[str, Any], name: str, expected: Any
) -> None:
    assert values_of(*arguments, file=file, tmp=tmp_path)[name] == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nope"], "unknown flag: --nope"),
        (["extra"], "unexpected argument: extra"),
        (["--mtu"], "expected one argument"),
        (["--userns-remap", "default"], "flag --userns-remap is not supported: "),
        (["--authorization-plugin=x"], "flag --authorization-plugin is not supported: "),
        (["--deb"], "unknown flag: --deb"),
    ],
)
def test_bad_flags(arguments: list[str], message: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        parse_command_line(arguments)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ({"zz": 1, "aa": 2}, "directives don't match any configuration option: aa, zz"),
        ({"userns-remap": "default"}, "userns-remap is not supported: "),
        ({"iptables": False}, "iptables is not supported: "),
        ({"debug": "yes"}, "debug: cannot use 'yes' here: true or false expected"),
        ({"labels": "a=b"}, "labels: cannot use 'a=b' here: a list of strings expected"),
        ({"mtu": True}, "mtu: cannot use True here: a number expected"),
        ({"runtimes": {"x": {"runtimeType": "io.containerd.x"}}}, "runtime 'x' needs a path"),
        ({"config-file": "x"}, "don't match any configuration option: config-file"),
        ({"default-shm-size": "much"}, "default-shm-size: "),
    ],
)
def test_bad_files(tmp_path: Path, file: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        values_of(file=file, tmp=tmp_path)
    assert message in caught.value.message
    assert (
        f"unable to configure the daemon with file {tmp_path}/daemon.json: " in caught.value.message
    )


def test_docker_s_defaults_of_what_is_unsupported_are_accepted(tmp_path: Path) -> None:
    file = {"iptables": True, "selinux-enabled": False, "storage-opts": [], "userns-remap": ""}
    assert values_of(file=file, tmp=tmp_path)["debug"] is False


def test_a_setting_in_both_places_is_a_conflict(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        values_of("--label=a=b", "--label=c=d", "--debug", file={"labels": ["x=y"]}, tmp=tmp_path)
    assert caught.value.message == (
        "the following directives are specified both as a flag and in the configuration file: "
        "labels: (from flag: [a=b c=d], from file: [x=y])"
    )


def test_encodings_and_empty_files(tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    path.write_text("  \n")
    assert read_file(path) == {}
    for encoding in ("utf-8-sig", "utf-16"):
        path.write_bytes('{"group": "gäste"}'.encode(encoding))
        assert read_file(path) == {"group": "gäste"}
    path.write_text("{")
    with pytest.raises(InvalidParameterError, match="invalid JSON"):
        read_file(path)
    path.write_text("[]")
    with pytest.raises(InvalidParameterError, match="one JSON object"):
        read_file(path)


def test_a_named_file_must_exist_and_the_default_one_may_not(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameterError, match="no such file or directory"):
        load({"config-file": [str(tmp_path / "missing")]})
    assert merge({}, {})["mtu"] == 1500


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--log-level", "loud"], "invalid logging level: loud"),
        (["--log-format", "xml"], "invalid log format: xml"),
        (["--mtu", "-1"], "invalid default MTU: -1"),
        (["--max-layer-size", "0"], "invalid max-layer-size: 0: must be greater than 0"),
        (["--max-layer-entries", "-1"], "invalid max-layer-entries: -1: must be greater"),
        (["--mtu", "x"], 'invalid argument "x" for "--mtu" flag'),
        (["--debug=maybe"], 'invalid argument "maybe" for "--debug" flag'),
        (["--max-concurrent-downloads", "0"], "invalid max concurrent downloads: 0"),
        (["--label", "novalue"], "bad attribute format: novalue"),
        (["--label", "a=1", "--label", "a=2"], "conflict labels for a=2 and a=1"),
        (["--live-restore=false"], "live-restore cannot be turned off"),
        (["--firewall-backend=iptables"], "is not supported"),
        (["--exec-opt", "x"], "invalid exec-opt (x): must be formatted 'opt=value'"),
        (["--exec-opt", "a=b"], "unknown option: 'a'"),
        (["--exec-opt", "native.cgroupdriver=z"], "only 'cgroupfs' or 'systemd'"),
        (["--registry-mirror", "mirror:5000"], "invalid mirror"),
        (["--registry-mirror", "http://u:p@mirror"], "username/password not allowed"),
        (["--registry-mirror-of", "ghcr.io=ftp://mirror/path"], "invalid mirror"),
        (["--registry-mirror", "http://mirror/path"], "path, query, or fragment"),
        (["--dns", "x"], "dns: x is not an ip address"),
        (["--bip", "10.0.0.1/99"], "bip: invalid CIDR address: 10.0.0.1/99"),
        (["--fixed-cidr", "z"], "fixed-cidr: invalid CIDR address: z"),
        (["-b", "br0", "--bip", "10.0.0.1/24"], "mutually exclusive"),
        (["--tlsverify"], "TLS needs --tlscert, --tlskey, --tlscacert"),
        (["--default-ipc-mode", "host"], "IPC mode host is not supported as default"),
        (["--default-ulimit", "nofile=5:1"], "soft limit must be less than or equal"),
    ],
)
def test_values_that_make_no_sense(tmp_path: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        build_config(values_of(*arguments, tmp=tmp_path))
    assert message in caught.value.message


def test_the_engine_s_configuration(tmp_path: Path) -> None:
    engine = engine_of(
        "--data-root=/srv/x",
        "--exec-opt=native.cgroupdriver=systemd",
        "-s=overlay2",
        "--init",
        "--registry-mirror=https://m.example/",
        "--bip=10.1.0.1/24",
        "--dns=192.0.2.1",
        "--seccomp-profile=builtin",
        file={
            "insecure-registries": ["reg:5000", "10.0.0.0/8"],
            "registries": {"ghcr.io": {"mirrors": ["https://m.example/ghcr"]}},
            "default-runtime": "x",
        },
        tmp=tmp_path,
    )
    assert str(engine.data_root) == "/srv/x"
    assert engine.cgroup_driver == "systemd"
    assert engine.storage_driver == "overlay"
    assert engine.default_runtime == "x"
    assert engine.registry.mirrors == ("https://m.example/",)
    assert engine.registry.mirrors_of == {"ghcr.io": ("https://m.example/ghcr",)}
    assert engine.registry.insecure == ("reg:5000", "10.0.0.0/8")
    assert engine.network.bridge_ip == "10.1.0.1/24"
    assert engine.network.dns == ("192.0.2.1",)
    assert engine.containers.init
    assert engine.containers.seccomp_profile == ""


def test_the_program_s_configuration(tmp_path: Path) -> None:
    config = build_config(
        values_of("--debug", "--docker-socket", file={"min-api-version": "1.40"}, tmp=tmp_path)
    )
    assert config.log_level == "debug"
    assert config.hosts[-1] == "unix:///var/run/docker.sock"
    assert config.min_api_version == (1, 40)
    with pytest.raises(
        InvalidParameterError, match=r"minimum supported API version is 1\.24: 1\.2"
    ):
        build_config(values_of(file={"min-api-version": "1.2"}, tmp=tmp_path))
