import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxship.api.convert.container_config import config_json
from boxship.api.convert.container_request import container_request
from boxship.api.convert.host_config import host_config_json
from boxship.api.jsonbody import decode_json
from boxship.api.schema.containers import CreateBody
from boxship.api.versions import MAX_API_VERSION, ApiVersion
from boxship.engine.config import ContainerDefaults
from boxship.engine.containers.container import ContainerRequest
from boxship.engine.containers.validate import validate
from boxship.errors import BoxshipError, InvalidParameterError


def read(
    document: object, version: ApiVersion = MAX_API_VERSION, name: str = ""
) -> ContainerRequest:
    body = decode_json(msgspec.json.encode(document), CreateBody)
    return container_request(body, name, "", version)


def test_any_key_case_and_nulls() -> None:
    request = read(
        {
            "image": "busybox",
            "CMD": "true",
            "entrypoint": ["/bin/sh", "-c"],
            "env": None,
            "hostconfig": {"BINDS": None, "memory": 6291456, "restartpolicy": {"name": ""}},
            "NetworkingConfig": None,
            "Volumes": {"/data": None},
            "ExposedPorts": {"80/tcp": {}, "53/UDP": {}, "90": None},
            "Unknown": {"a": [1]},
        }
    )
    config, host = request.config, request.host
    assert (config.cmd, config.entrypoint) == (("true",), ("/bin/sh", "-c"))
    assert config.volumes == ("/data",)
    assert config.exposed_ports == ("80/tcp", "53/udp", "90/tcp")
    assert (host.binds, host.resources.memory) == ((), 6291456)
    assert (host.restart_policy.name, host.network_mode) == ("no", "bridge")


def test_map_keys_are_data() -> None:
    request = read({"Labels": {"Image": "x", "image": "y"}, "HostConfig": {"Sysctls": {"A.b": ""}}})
    assert request.config.labels == {"Image": "x", "image": "y"}
    assert request.host.sysctls == {"A.b": ""}


@pytest.mark.parametrize(
    ("binding", "expected"),
    [
        ({"HostIp": "", "HostPort": "8080"}, ("", 8080, 0)),
        ({"HostIp": "127.0.0.1", "HostPort": "8080-8090"}, ("127.0.0.1", 8080, 8090)),
        ({"HostIp": "[::1]", "HostPort": ""}, ("::1", 0, 0)),
        ({"hostip": None}, ("", 0, 0)),
        (None, ("", 0, 0)),
    ],
)
def test_port_binding(binding: object, expected: tuple[str, int, int]) -> None:
    request = read({"HostConfig": {"PortBindings": {"80/tcp": [binding]}}})
    (port,) = request.host.port_bindings
    assert (port.container_port, port.protocol) == (80, "tcp")
    assert (port.host_ip, port.host_port, port.host_port_end) == expected


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ({"PortBindings": {"x/tcp": [{}]}}, 'invalid port specification: "x"'),
        ({"PortBindings": {"0/tcp": [{}]}}, 'invalid port specification: "0"'),
        ({"PortBindings": {"80/odd": [{}]}}, "invalid proto: odd"),
        (
            {"PortBindings": {"80/tcp": [{"HostPort": "70000"}]}},
            'invalid port specification: "70000"',
        ),
        (
            {"PortBindings": {"80/tcp": [{"HostPort": "90-80"}]}},
            "invalid port range: 90-80",
        ),
        (
            {"PortBindings": {"80/tcp": [{"HostIp": "1.2.3"}]}},
            "invalid IP address: 1.2.3",
        ),
        (
            {"Mounts": [{"Type": "bind", "TmpfsOptions": {}}]},
            'invalid mount config for type "bind": field TmpfsOptions must not be specified',
        ),
        ({"Memory": "5"}, "invalid JSON: Expected `int`, got `str` - at `$.HostConfig.Memory`"),
    ],
)
def test_bad_host_config(host: object, message: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        read({"Image": "x", "HostConfig": host})
    assert str(caught.value) == message


def test_endpoints_and_mac_address() -> None:
    request = read(
        {
            "MacAddress": "02:42:ac:11:00:09",
            "HostConfig": {"NetworkMode": "default"},
            "NetworkingConfig": {
                "EndpointsConfig": {
                    "default": {
                        "IPAMConfig": {"IPv4Address": "172.17.0.9"},
                        "Aliases": ["a"],
                        "GwPriority": 3,
                    },
                    "other": None,
                }
            },
        }
    )
    first, second = request.endpoints
    assert (first.network, first.ipv4, first.aliases) == ("bridge", "172.17.0.9", ("a",))
    assert (first.mac_address, first.gateway_priority) == ("02:42:ac:11:00:09", 3)
    assert second.network == "other"


def test_conflicting_mac_addresses() -> None:
    with pytest.raises(InvalidParameterError, match="MAC address must match"):
        read(
            {
                "MacAddress": "02:42:ac:11:00:09",
                "NetworkingConfig": {
                    "EndpointsConfig": {"bridge": {"MacAddress": "02:42:ac:11:00:0a"}}
                },
            }
        )


def test_old_clients_mean_old_defaults() -> None:
    document = {
        "Healthcheck": {"Test": ["CMD", "x"], "StartInterval": 5_000_000},
        "HostConfig": {
            "Annotations": {"a": "b"},
            "Mounts": [
                {"Type": "bind", "BindOptions": {"CreateMountpoint": True, "NonRecursive": True}}
            ],
        },
    }
    new = read(document)
    assert new.host.annotations == {"a": "b"}
    assert new.host.mounts[0].create_mountpoint
    old = read(document, ApiVersion(1, 39))
    assert (old.host.annotations, old.host.cgroupns_mode) == ({}, "host")
    assert (old.host.ipc_mode, old.host.mounts[0].create_mountpoint) == ("shareable", False)
    assert old.config.healthcheck is not None
    assert old.config.healthcheck.start_interval_ns == 0


HOST_CONFIG = {
    "Binds": ["/a:/b:ro"],
    "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}},
    "NetworkMode": "front",
    "PortBindings": {
        "80/tcp": [{"HostIp": "", "HostPort": "8080"}, {"HostIp": "::1", "HostPort": "81-89"}]
    },
    "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
    "AutoRemove": False,
    "VolumesFrom": ["x:ro"],
    "ConsoleSize": [24, 80],
    "Annotations": {"a": "b"},
    "CapAdd": ["NET_ADMIN"],
    "CapDrop": ["ALL"],
    "CgroupnsMode": "private",
    "Dns": ["1.1.1.1"],
    "DnsOptions": ["ndots:1"],
    "DnsSearch": ["x.test"],
    "ExtraHosts": ["a:1.2.3.4"],
    "GroupAdd": ["daemon"],
    "IpcMode": "host",
    "Links": ["db:db"],
    "OomScoreAdj": 5,
    "PidMode": "host",
    "Privileged": True,
    "PublishAllPorts": True,
    "ReadonlyRootfs": True,
    "SecurityOpt": ["no-new-privileges"],
    "StorageOpt": {"size": "1G"},
    "Tmpfs": {"/run": "size=1m"},
    "UTSMode": "host",
    "UsernsMode": "host",
    "ShmSize": 1024,
    "Sysctls": {"net.core.somaxconn": "1"},
    "Runtime": "runc",
    "CpuShares": 5,
    "Memory": 6291456,
    "NanoCpus": 500000000,
    "CgroupParent": "/x",
    "BlkioWeight": 10,
    "BlkioWeightDevice": [{"Path": "/dev/x", "Weight": 20}],
    "BlkioDeviceReadBps": [{"Path": "/dev/x", "Rate": 1}],
    "BlkioDeviceWriteBps": [{"Path": "/dev/x", "Rate": 2}],
    "BlkioDeviceReadIOps": [{"Path": "/dev/x", "Rate": 3}],
    "BlkioDeviceWriteIOps": [{"Path": "/dev/x", "Rate": 4}],
    "CpuPeriod": 1,
    "CpuQuota": 2,
    "CpuRealtimePeriod": 3,
    "CpuRealtimeRuntime": 4,
    "CpusetCpus": "0",
    "CpusetMems": "0",
    "Devices": [{"PathOnHost": "/dev/a", "PathInContainer": "/dev/b", "CgroupPermissions": "r"}],
    "DeviceCgroupRules": ["c 1:3 r"],
    "DeviceRequests": [
        {
            "Driver": "nvidia",
            "Count": -1,
            "DeviceIDs": ["0"],
            "Capabilities": [["gpu"]],
            "Options": {"a": "b"},
        }
    ],
    "MemoryReservation": 6291456,
    "MemorySwap": -1,
    "MemorySwappiness": 10,
    "OomKillDisable": True,
    "PidsLimit": 7,
    "Ulimits": [{"Name": "nofile", "Hard": 2, "Soft": 1}],
    "Mounts": [
        {
            "Type": "bind",
            "Source": "/s",
            "Target": "/t",
            "ReadOnly": True,
            "Consistency": "cached",
            "BindOptions": {"Propagation": "rslave", "NonRecursive": True},
        },
        {
            "Type": "volume",
            "Source": "v",
            "Target": "/v",
            "VolumeOptions": {
                "NoCopy": True,
                "Labels": {"a": "b"},
                "Subpath": "x",
                "DriverConfig": {"Name": "local", "Options": {"o": "ro"}},
            },
        },
        {
            "Type": "tmpfs",
            "Target": "/tmp",
            "TmpfsOptions": {"SizeBytes": 1024, "Mode": 511, "Options": [["exec"]]},
        },
        {"Type": "image", "Source": "busybox", "Target": "/i", "ImageOptions": {"Subpath": "y"}},
    ],
    "MaskedPaths": ["/a"],
    "ReadonlyPaths": [],
    "Init": True,
}


def test_host_config_comes_back_as_it_was_given() -> None:
    host = read({"HostConfig": HOST_CONFIG}).host
    shown = msgspec.to_builtins(host_config_json(host, ContainerDefaults()))
    assert {key: shown[key] for key in HOST_CONFIG} == HOST_CONFIG


def test_default_host_config_is_shown_as_docker_does() -> None:
    shown = msgspec.to_builtins(host_config_json(read({}).host, ContainerDefaults()))
    assert shown["Binds"] is None
    assert shown["NetworkMode"] == "bridge"
    assert shown["RestartPolicy"] == {"Name": "no", "MaximumRetryCount": 0}
    assert (shown["ShmSize"], shown["IpcMode"]) == (67108864, "private")
    assert "/proc/kcore" in shown["MaskedPaths"]
    assert "/proc/sysrq-trigger" in shown["ReadonlyPaths"]
    assert (shown["BlkioDeviceReadBps"], shown["Devices"]) == (None, [])
    assert (shown["Dns"], shown["PortBindings"], shown["ConsoleSize"]) == ([], {}, [0, 0])
    for absent in ("Init", "Mounts", "Tmpfs", "Sysctls", "Annotations", "StorageOpt"):
        assert absent not in shown


CONFIG = {
    "Hostname": "h",
    "Domainname": "d",
    "User": "u",
    "AttachStdin": True,
    "AttachStdout": True,
    "AttachStderr": True,
    "ExposedPorts": {"80/tcp": {}},
    "Tty": True,
    "OpenStdin": True,
    "StdinOnce": True,
    "Env": ["A=b"],
    "Cmd": ["true"],
    "Healthcheck": {
        "Test": ["CMD", "x"],
        "Interval": 1,
        "Timeout": 2,
        "StartPeriod": 3,
        "StartInterval": 4,
        "Retries": 5,
    },
    "Image": "busybox",
    "Volumes": {"/data": {}},
    "WorkingDir": "/w",
    "Entrypoint": ["sh"],
    "OnBuild": None,
    "Labels": {"a": "b"},
    "StopSignal": "SIGINT",
    "StopTimeout": 5,
    "Shell": ["/bin/bash"],
}


def test_config_comes_back_as_it_was_given() -> None:
    assert msgspec.to_builtins(config_json(read(CONFIG).config)) == CONFIG


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
host_keys = st.sampled_from([*HOST_CONFIG, "Cgroup", "Isolation", "hostip"])
config_keys = st.sampled_from([*CONFIG, "MacAddress", "NetworkDisabled"])


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(config_keys, json_values, max_size=4),
    st.dictionaries(host_keys, json_values, max_size=4),
    json_values,
)
def test_any_body_is_read_or_refused(config: dict, host: dict, networking: object) -> None:  # type: ignore[type-arg]
    document = {**config, "HostConfig": host, "NetworkingConfig": networking}
    try:
        validate(read(document), cpus=2, exists=lambda _path: True)
    except BoxshipError:
        pass


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=64) | st.text(max_size=64).map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        decode_json(body, CreateBody)
    except BoxshipError:
        pass


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="invalid JSON"):
        decode_json(b"[" * 100_000, CreateBody)
