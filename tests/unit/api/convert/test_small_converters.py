import base64
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.api.convert.container_wait import wait_json
from boxship.api.convert.detach_keys import parse_detach_keys
from boxship.api.convert.exec import exec_json, exec_request
from boxship.api.convert.images import (
    history_json,
    image_summary_json,
    inspect_json,
    progress_json,
    removals_json,
)
from boxship.api.convert.networks import network_json, network_spec
from boxship.api.convert.registry_auth import registry_auth
from boxship.api.convert.stats import stats_json
from boxship.api.jsonbody import decode_json
from boxship.api.schema.exec import ExecConfig
from boxship.api.schema.networks import NetworkCreateBody
from boxship.api.versions import MAX_API_VERSION, ApiVersion
from boxship.engine.containers.execs import ExecSession
from boxship.engine.containers.inspection import InterfaceCounters, StatsSample
from boxship.engine.containers.waiters import WaitResult
from boxship.engine.images.image import HistoryItem, Image, ImageSummary, Progress, Removed
from boxship.engine.networks.network import Member, Network, Pool
from boxship.engine.registry.auth import RegistryAuth
from boxship.engine.runtime.task import BlockIO, TaskStats
from boxship.errors import BoxshipError, InvalidParameterError
from boxship.oci.image import ExecutionConfig, ImageConfig
from boxship.units import SECOND


def builtins(document: object) -> Any:
    return msgspec.to_builtins(document)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", b"\x10\x11"),
        ("ctrl-p,ctrl-q", b"\x10\x11"),
        ("a", b"a"),
        ("ctrl-@,ctrl-[,ctrl-_,A", b"\x00\x1b\x1fA"),
        ("CTRL-C,DEL", b"\x03\x7f"),
    ],
)
def test_detach_keys(text: str, keys: bytes) -> None:
    assert parse_detach_keys(text) == keys


@pytest.mark.parametrize("text", ["ctrl-", "ab", "ctrl-é", "a,,b", "ctrl-pp"])
def test_bad_detach_keys(text: str) -> None:
    with pytest.raises(InvalidParameterError, match="Invalid detach keys"):
        parse_detach_keys(text)


def test_registry_auth_in_every_base64() -> None:
    document = b'{"username":"u","password":"p?>","serveraddress":"https://r/","extra":1}'
    expected = RegistryAuth(username="u", password="p?>", server_address="https://r/")
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(document).decode()
        assert registry_auth(text) == registry_auth(text.rstrip("=")) == expected


def test_registry_auth_of_old_clients() -> None:
    pair = base64.b64encode(b"u:a:b").decode()
    header = base64.urlsafe_b64encode(msgspec.json.encode({"auth": pair})).decode()
    assert registry_auth(header) == RegistryAuth(username="u", password="a:b")


@pytest.mark.parametrize("header", ["", "bnVsbA==", "e30", "e30="])
def test_no_registry_auth(header: str) -> None:
    assert registry_auth(header) is None


@given(st.text(max_size=30))
def test_any_registry_auth_is_read_or_refused(header: str) -> None:
    try:
        registry_auth(header)
    except BoxshipError:
        pass


def test_exec() -> None:
    body = decode_json(
        b'{"Cmd":["sh","-c","x"],"Tty":true,"AttachStdout":true,"ConsoleSize":[24,80],'
        b'"DetachKeys":"ctrl-x","User":"u","Env":null}',
        ExecConfig,
    )
    request = exec_request(body)
    assert (request.args, request.console_size) == (("sh", "-c", "x"), (24, 80))
    assert (request.detach_keys, request.env, request.user) == (b"\x18", (), "u")
    session = ExecSession(id="e", container_id="c", request=request, running=True, pid=5)
    assert builtins(exec_json(session)) == {
        "ID": "e",
        "Running": True,
        "ExitCode": None,
        "ProcessConfig": {
            "tty": True,
            "entrypoint": "sh",
            "arguments": ["-c", "x"],
            "privileged": False,
            "user": "u",
        },
        "OpenStdin": False,
        "OpenStderr": False,
        "OpenStdout": True,
        "CanRemove": False,
        "ContainerID": "c",
        "DetachKeys": "",
        "Pid": 5,
    }


def test_wait() -> None:
    assert builtins(wait_json(WaitResult(exit_code=3))) == {"StatusCode": 3}
    assert builtins(wait_json(WaitResult(exit_code=0, error="why"))) == {
        "StatusCode": 0,
        "Error": {"Message": "why"},
    }


def sample(cpu: int) -> StatsSample:
    container = cast(Any, SimpleNamespace(id="c", name="web"))
    task = TaskStats(
        read_at_ns=cpu * SECOND,
        cpu_total_ns=cpu,
        cpu_user_ns=1,
        cpu_system_ns=2,
        memory_usage=10,
        memory_limit=20,
        memory_stats={"file": 3},
        pids_current=4,
        block_bytes=(BlockIO(major=8, minor=0, op="read", value=9),),
    )
    counters = InterfaceCounters(
        name="eth0",
        rx_bytes=1,
        rx_packets=2,
        rx_errors=3,
        rx_dropped=4,
        tx_bytes=5,
        tx_packets=6,
        tx_errors=7,
        tx_dropped=8,
    )
    return StatsSample(
        container=container,
        task=task,
        interfaces=(counters,),
        system_cpu_ns=100,
        online_cpus=2,
    )


def test_stats() -> None:
    shown = builtins(stats_json(sample(5), sample(4)))
    assert (shown["read"], shown["preread"]) == ("1970-01-01T00:00:05Z", "1970-01-01T00:00:04Z")
    assert shown["cpu_stats"] == {
        "cpu_usage": {"total_usage": 5, "usage_in_kernelmode": 2, "usage_in_usermode": 1},
        "system_cpu_usage": 100,
        "online_cpus": 2,
        "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
    }
    assert shown["precpu_stats"]["cpu_usage"]["total_usage"] == 4
    assert shown["memory_stats"] == {"usage": 10, "stats": {"file": 3}, "limit": 20}
    assert shown["networks"]["eth0"]["tx_dropped"] == 8
    assert shown["blkio_stats"]["io_service_bytes_recursive"] == [
        {"major": 8, "minor": 0, "op": "read", "value": 9}
    ]
    assert (shown["id"], shown["name"], shown["pids_stats"]) == ("c", "/web", {"current": 4})


def test_stats_of_a_stopped_container() -> None:
    container = cast(Any, SimpleNamespace(id="c", name="web"))
    shown = builtins(stats_json(StatsSample(container=container, task=None), None))
    assert (shown["read"], shown["memory_stats"]) == ("0001-01-01T00:00:00Z", {})
    assert "networks" not in shown


SUMMARY = ImageSummary(
    id="sha256:1",
    parent="",
    repo_tags=(),
    repo_digests=(),
    created_at_ns=5 * SECOND,
    size=7,
    labels={},
    manifest_digest="sha256:2",
    manifest_media_type="x",
)


def test_image_summary() -> None:
    assert builtins(image_summary_json(SUMMARY)) == {
        "Containers": -1,
        "Created": 5,
        "Id": "sha256:1",
        "Labels": None,
        "ParentId": "",
        "RepoDigests": [],
        "RepoTags": [],
        "SharedSize": -1,
        "Size": 7,
    }
    old = builtins(image_summary_json(SUMMARY, ApiVersion(1, 41)))
    assert (old["RepoTags"], old["VirtualSize"]) == (["<none>:<none>"], 7)


def test_image_inspect() -> None:
    config = ImageConfig(
        created="2024-01-01T00:00:00Z",
        architecture="amd64",
        os="linux",
        config=ExecutionConfig(cmd=["sh"], exposed_ports={"80/tcp": {}}, labels={"a": "b"}),
    )
    image = Image(
        id="sha256:1",
        config=config,
        manifest_digest="sha256:2",
        manifest_media_type="x",
        created_at_ns=0,
        size=7,
        blobs=(),
        repo_tags=("a:1",),
    )
    new = builtins(inspect_json(image, "overlay2", MAX_API_VERSION))
    assert new["Config"] == {"Cmd": ["sh"], "ExposedPorts": {"80/tcp": {}}, "Labels": {"a": "b"}}
    assert new["RootFS"] == {"Type": "layers"}
    assert (new["Os"], new["Architecture"], new["RepoTags"]) == ("linux", "amd64", ["a:1"])
    assert new["Metadata"] == {"LastTagTime": "0001-01-01T00:00:00Z"}
    old = builtins(inspect_json(image, "overlay2", ApiVersion(1, 41)))
    assert (old["Config"]["Hostname"], old["Config"]["Entrypoint"]) == ("", None)
    assert old["VirtualSize"] == 7


def test_history_and_removal() -> None:
    item = HistoryItem(
        id="<missing>", created_at_ns=SECOND, created_by="RUN x", tags=(), size=1, comment=""
    )
    assert builtins(history_json(item)) == {
        "Id": "<missing>",
        "Created": 1,
        "CreatedBy": "RUN x",
        "Tags": None,
        "Size": 1,
        "Comment": "",
    }
    removed = (Removed(untagged="a:1"), Removed(deleted="sha256:1"))
    assert builtins(removals_json(removed)) == [{"Untagged": "a:1"}, {"Deleted": "sha256:1"}]


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (
            Progress(status="Pulling from library/nginx", id="latest"),
            {"status": "Pulling from library/nginx", "id": "latest"},
        ),
        (
            Progress(status="Pulling fs layer", id="ab"),
            {"status": "Pulling fs layer", "progressDetail": {}, "id": "ab"},
        ),
        (
            Progress(status="Downloading", id="ab", current=1, total=2),
            {"status": "Downloading", "progressDetail": {"current": 1, "total": 2}, "id": "ab"},
        ),
        (Progress(status="Digest: sha256:1"), {"status": "Digest: sha256:1"}),
        (Progress(stream="Loaded image: a\n"), {"stream": "Loaded image: a\n"}),
        (Progress(aux={"ID": "x"}), {"aux": {"ID": "x"}}),
    ],
)
def test_progress(message: Progress, line: dict[str, Any]) -> None:
    assert builtins(progress_json(message)) == line


def test_network() -> None:
    body = decode_json(
        b'{"name":"front","ipam":{"config":[{"subnet":"10.1.0.0/16","gateway":null,'
        b'"auxiliaryaddresses":{"r":"10.1.0.5"}}]},"EnableIPv6":true,"Labels":null}',
        NetworkCreateBody,
    )
    spec = network_spec(body)
    assert (spec.name, spec.driver, spec.ipv4, spec.ipv6) == ("front", "bridge", True, True)
    assert spec.pools == (Pool(subnet="10.1.0.0/16", aux_addresses={"r": "10.1.0.5"}),)
    network = Network(
        id="n", name="front", driver="bridge", scope="local", created_at_ns=0, pools=spec.pools
    )
    member = Member(
        container_id="c",
        container_name="web",
        endpoint_id="e",
        mac_address="m",
        ipv4="10.1.0.2/16",
        ipv6="",
    )
    shown = builtins(network_json(network, [member], MAX_API_VERSION))
    assert shown["IPAM"] == {
        "Driver": "default",
        "Options": None,
        "Config": [{"Subnet": "10.1.0.0/16", "AuxiliaryAddresses": {"r": "10.1.0.5"}}],
    }
    assert shown["Containers"]["c"]["IPv4Address"] == "10.1.0.2/16"
    assert (shown["EnableIPv4"], shown["EnableIPv6"], shown["ConfigOnly"]) == (True, False, False)
    assert "EnableIPv4" not in builtins(network_json(network, None, ApiVersion(1, 47)))
