import time
from dataclasses import replace

import msgspec
import pytest

from boxship.api.convert.container_inspect import InspectFacts, inspect_json
from boxship.api.convert.container_status import status_text
from boxship.api.convert.container_summary import summary_json
from boxship.api.versions import MAX_API_VERSION, ApiVersion
from boxship.engine.config import ContainerDefaults
from boxship.engine.containers.container import (
    Container,
    ContainerConfig,
    ContainerState,
    HostConfig,
    MountPoint,
    ProbeResult,
    Status,
)
from boxship.engine.networks.sandbox import (
    Endpoint,
    EndpointSpec,
    PortSpec,
    PublishedPort,
    Sandbox,
)
from boxship.oci.descriptor import Descriptor
from boxship.oci.platform import Platform
from boxship.units import SECOND

ID = "0a" * 32
IMAGE = "sha256:" + "0b" * 32
START = 1_700_000_000 * SECOND
BRIDGE = {
    "IPAMConfig": None,
    "Links": None,
    "Aliases": None,
    "DriverOpts": None,
    "GwPriority": 0,
    "NetworkID": "n1",
    "EndpointID": "e1",
    "Gateway": "172.17.0.1",
    "IPAddress": "172.17.0.2",
    "MacAddress": "02:42:ac:11:00:02",
    "IPPrefixLen": 16,
    "IPv6Gateway": "",
    "GlobalIPv6Address": "",
    "GlobalIPv6PrefixLen": 0,
    "DNSNames": None,
}
SANDBOX = Sandbox(
    container_id=ID,
    netns_path="/run/netns/x",
    endpoints=(
        Endpoint(
            network_id="n1",
            network_name="bridge",
            endpoint_id="e1",
            ipv4="172.17.0.2",
            ipv4_prefix=16,
            gateway="172.17.0.1",
            mac_address="02:42:ac:11:00:02",
        ),
    ),
    ports=(
        PublishedPort(container_port=80, protocol="tcp", host_ip="0.0.0.0", host_port=8080),
        PublishedPort(container_port=80, protocol="tcp", host_ip="::", host_port=8080),
    ),
)
CONTAINER = Container(
    id=ID,
    name="web",
    created_at_ns=START,
    config=ContainerConfig(
        image="nginx",
        hostname="0a0a0a0a0a0a",
        env=("PATH=/bin",),
        cmd=("-c", "echo hi"),
        entrypoint=("/bin/sh",),
        exposed_ports=("80/tcp", "443/tcp"),
        labels={"tier": "front"},
    ),
    host=HostConfig(
        network_mode="bridge",
        port_bindings=(PortSpec(container_port=80, protocol="tcp", host_port=8080),),
        tmpfs={"/run": ""},
    ),
    endpoints=(EndpointSpec(network="bridge"),),
    mounts=(
        MountPoint(
            type="volume",
            destination="/data",
            source="/v/data/_data",
            name="data",
            driver="local",
            mode="z",
        ),
        MountPoint(
            type="bind",
            destination="/etc/x",
            source="/x",
            mode="ro",
            read_write=False,
            propagation="rprivate",
        ),
        MountPoint(type="tmpfs", destination="/run", source=""),
    ),
    image_id=IMAGE,
    image_platform="linux/amd64",
    runtime="crun",
    path="/bin/sh",
    args=("-c", "echo hi"),
    state=ContainerState(
        status=Status.RUNNING,
        pid=77,
        started_at_ns=START + SECOND,
        health="healthy",
        probes=(
            ProbeResult(
                started_at_ns=START + 2 * SECOND,
                ended_at_ns=START + 3 * SECOND,
                exit_code=0,
                output="ok",
            ),
        ),
    ),
)
FACTS = InspectFacts(
    defaults=ContainerDefaults(),
    sandbox=SANDBOX,
    log_path="/c/log",
    files_dir="/c",
    driver="overlay2",
    driver_data={"UpperDir": "/u"},
    exec_ids=("x1",),
)


def test_inspect() -> None:
    shown = msgspec.to_builtins(inspect_json(CONTAINER, FACTS, MAX_API_VERSION))
    host, config = shown.pop("HostConfig"), shown.pop("Config")
    assert (host["Runtime"], host["NetworkMode"]) == ("crun", "bridge")
    assert host["PortBindings"] == {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}
    assert (config["Entrypoint"], config["Volumes"]) == (["/bin/sh"], None)
    assert shown == {
        "Id": ID,
        "Created": "2023-11-14T22:13:20Z",
        "Path": "/bin/sh",
        "Args": ["-c", "echo hi"],
        "State": {
            "Status": "running",
            "Running": True,
            "Paused": False,
            "Restarting": False,
            "OOMKilled": False,
            "Dead": False,
            "Pid": 77,
            "ExitCode": 0,
            "Error": "",
            "StartedAt": "2023-11-14T22:13:21Z",
            "FinishedAt": "0001-01-01T00:00:00Z",
            "Health": {
                "Status": "healthy",
                "FailingStreak": 0,
                "Log": [
                    {
                        "Start": "2023-11-14T22:13:22Z",
                        "End": "2023-11-14T22:13:23Z",
                        "ExitCode": 0,
                        "Output": "ok",
                    }
                ],
            },
        },
        "Image": IMAGE,
        "ResolvConfPath": "/c/resolv.conf",
        "HostnamePath": "/c/hostname",
        "HostsPath": "/c/hosts",
        "LogPath": "/c/log",
        "Name": "/web",
        "RestartCount": 0,
        "Driver": "overlay2",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": ["x1"],
        "GraphDriver": {"Data": {"UpperDir": "/u"}, "Name": "overlay2"},
        "Mounts": [
            {
                "Type": "volume",
                "Name": "data",
                "Source": "/v/data/_data",
                "Destination": "/data",
                "Driver": "local",
                "Mode": "z",
                "RW": True,
                "Propagation": "",
            },
            {
                "Type": "bind",
                "Source": "/x",
                "Destination": "/etc/x",
                "Mode": "ro",
                "RW": False,
                "Propagation": "rprivate",
            },
        ],
        "NetworkSettings": {
            "SandboxID": ID,
            "SandboxKey": "/run/netns/x",
            "Ports": {
                "443/tcp": None,
                "80/tcp": [
                    {"HostIp": "0.0.0.0", "HostPort": "8080"},
                    {"HostIp": "::", "HostPort": "8080"},
                ],
            },
            "Networks": {"bridge": BRIDGE},
        },
    }


def test_inspect_repeats_the_default_bridge_for_older_clients() -> None:
    shown = msgspec.to_builtins(inspect_json(CONTAINER, FACTS, ApiVersion(1, 51)))
    settings = shown["NetworkSettings"]
    assert (settings["IPAddress"], settings["IPPrefixLen"]) == ("172.17.0.2", 16)
    assert (settings["Bridge"], settings["SecondaryIPAddresses"]) == ("", None)
    older = msgspec.to_builtins(inspect_json(CONTAINER, FACTS, ApiVersion(1, 47)))
    assert "GwPriority" not in older["NetworkSettings"]["Networks"]["bridge"]


def test_inspect_with_sizes() -> None:
    shown = msgspec.to_builtins(
        inspect_json(CONTAINER, replace(FACTS, sizes=(5, 7)), MAX_API_VERSION)
    )
    assert (shown["SizeRw"], shown["SizeRootFs"]) == (5, 7)


MANIFEST = Descriptor(
    media_type="application/vnd.oci.image.manifest.v1+json",
    digest=f"sha256:{'a' * 64}",
    size=401,
    platform=Platform(os="linux", architecture="arm64", variant="v8"),
)


def test_the_manifest_of_its_image_is_shown_since_1_48() -> None:
    facts = replace(FACTS, manifest=MANIFEST)
    expected = {
        "mediaType": MANIFEST.media_type,
        "digest": MANIFEST.digest,
        "size": 401,
        "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"},
    }
    shown = [
        msgspec.to_builtins(inspect_json(CONTAINER, facts, ApiVersion(1, 48))),
        msgspec.to_builtins(
            summary_json(CONTAINER, SANDBOX, "nginx", START, ApiVersion(1, 48), MANIFEST)
        ),
    ]
    assert [one["ImageManifestDescriptor"] for one in shown] == [expected, expected]
    older = [
        msgspec.to_builtins(inspect_json(CONTAINER, facts, ApiVersion(1, 47))),
        msgspec.to_builtins(
            summary_json(CONTAINER, SANDBOX, "nginx", START, ApiVersion(1, 47), MANIFEST)
        ),
        msgspec.to_builtins(inspect_json(CONTAINER, FACTS, MAX_API_VERSION)),
    ]
    assert not any("ImageManifestDescriptor" in one for one in older)


def test_inspect_of_a_stopped_container() -> None:
    stopped = replace(CONTAINER, state=ContainerState(status=Status.EXITED, exit_code=3))
    shown = msgspec.to_builtins(
        inspect_json(stopped, replace(FACTS, sandbox=None, exec_ids=()), MAX_API_VERSION)
    )
    settings = shown["NetworkSettings"]
    assert (settings["Ports"], settings["SandboxKey"]) == ({}, "")
    assert settings["Networks"]["bridge"] == {
        **BRIDGE,
        **dict.fromkeys(("NetworkID", "EndpointID", "Gateway", "IPAddress", "MacAddress"), ""),
        "IPPrefixLen": 0,
    }
    assert shown["ExecIDs"] is None


def test_summary() -> None:
    now = START + 121 * SECOND
    shown = msgspec.to_builtins(summary_json(CONTAINER, SANDBOX, "nginx", now, MAX_API_VERSION))
    mounts = shown.pop("Mounts")
    assert [mount["Destination"] for mount in mounts] == ["/data", "/etc/x"]
    assert shown == {
        "Id": ID,
        "Names": ["/web"],
        "Image": "nginx",
        "ImageID": IMAGE,
        "Command": "/bin/sh -c 'echo hi'",
        "Created": 1_700_000_000,
        "Ports": [
            {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
            {"IP": "::", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
            {"PrivatePort": 443, "Type": "tcp"},
        ],
        "Labels": {"tier": "front"},
        "State": "running",
        "Status": "Up 2 minutes (healthy)",
        "HostConfig": {"NetworkMode": "bridge"},
        "Health": {"Status": "healthy", "FailingStreak": 0},
        "NetworkSettings": {"Networks": {"bridge": BRIDGE}},
    }


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (ContainerState(), "Created"),
        (ContainerState(status=Status.RUNNING, started_at_ns=START), "Up About a minute"),
        (
            ContainerState(status=Status.RUNNING, started_at_ns=START, health="starting"),
            "Up About a minute (health: starting)",
        ),
        (
            ContainerState(status=Status.RUNNING, started_at_ns=START, health="unhealthy"),
            "Up About a minute (unhealthy)",
        ),
        (
            ContainerState(status=Status.PAUSED, started_at_ns=START),
            "Up About a minute (Paused)",
        ),
        (
            ContainerState(status=Status.EXITED, exit_code=137, finished_at_ns=START),
            "Exited (137) About a minute ago",
        ),
        (
            ContainerState(
                status=Status.RESTARTING, exit_code=1, finished_at_ns=START + 118 * SECOND
            ),
            "Restarting (1) 1 second ago",
        ),
        (ContainerState(status=Status.REMOVING), "Removal In Progress"),
        (ContainerState(status=Status.DEAD), "Dead"),
    ],
)
def test_status(state: ContainerState, text: str) -> None:
    assert status_text(state, START + 119 * SECOND) == text


def test_listing_fifty_containers_is_quick() -> None:
    encoder = msgspec.json.Encoder()

    def listing() -> float:
        started = time.perf_counter()
        encoder.encode(
            [summary_json(CONTAINER, SANDBOX, "nginx", START, MAX_API_VERSION) for _ in range(50)]
        )
        return time.perf_counter() - started

    assert min(listing() for _ in range(20)) < 0.005
