from dataclasses import replace
from typing import Any

import pytest

from boxship.engine.containers.container import (
    ContainerConfig,
    ContainerRequest,
    Healthcheck,
    HostConfig,
    MountSpec,
    RestartPolicy,
)
from boxship.engine.containers.validate import validate
from boxship.engine.networks.sandbox import EndpointSpec, PortSpec
from boxship.engine.runtime.workload import Device, DeviceRequest, Resources, Ulimit
from boxship.errors import InvalidParameterError, NotSupportedError

MIB = 1024 * 1024


def request(config: dict[str, Any], host: dict[str, Any], **more: Any) -> ContainerRequest:
    return ContainerRequest(
        config=replace(ContainerConfig(image="busybox"), **config),
        host=replace(HostConfig(), **host),
        **more,
    )


def check(config: dict[str, Any], host: dict[str, Any], **more: Any) -> list[str]:
    return validate(request(config, host, **more), cpus=2, exists=lambda path: path != "/missing")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"working_dir": "x"},
            "the working directory 'x' is invalid, it needs to be an absolute path",
        ),
        ({"stop_signal": "SIGFOO"}, "invalid signal: SIGFOO"),
        ({"env": ("=x",)}, "invalid environment variable: =x"),
        (
            {"healthcheck": Healthcheck(test=("CMD", "x"), interval_ns=5)},
            "Interval in Healthcheck cannot be less than 1ms",
        ),
        (
            {"healthcheck": Healthcheck(test=("CMD", "x"), timeout_ns=-1)},
            "Timeout in Healthcheck cannot be less than 1ms",
        ),
        ({"healthcheck": Healthcheck(retries=-1)}, "Retries in Healthcheck cannot be negative"),
        ({"volumes": ("data",)}, "invalid mount path: 'data' mount path must be absolute"),
    ],
)
def test_bad_config(config: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        check(config, {})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ({"ipc_mode": "odd"}, "invalid IPC mode: odd"),
        ({"pid_mode": "container:"}, "invalid PID mode: container:"),
        ({"uts_mode": "odd"}, "invalid UTS mode: odd"),
        (
            {"network_mode": "container:"},
            "Invalid network mode: invalid container format container:<name|id>",
        ),
        (
            {"network_mode": "host", "links": ("db:db",)},
            "conflicting options: host type networking can't be used with links. "
            "This would result in undefined behavior",
        ),
        (
            {"network_mode": "container:x", "dns": ("1.1.1.1",)},
            "conflicting options: dns and the network mode",
        ),
        (
            {
                "network_mode": "container:x",
                "port_bindings": (PortSpec(container_port=80, protocol="tcp"),),
            },
            "conflicting options: port publishing and the container type network mode",
        ),
        ({"extra_hosts": ("x",)}, 'bad format for add-host: "x"'),
        ({"extra_hosts": ("x:1.2.3",)}, 'invalid IP address in add-host: "1.2.3"'),
        ({"dns": ("x",)}, "bad nameserver address x"),
        (
            {"restart_policy": RestartPolicy(name="sometimes")},
            "invalid restart policy: unknown policy 'sometimes'; "
            "use one of 'no', 'always', 'on-failure', 'on-unhealthy', or 'unless-stopped'",
        ),
        (
            {"restart_policy": RestartPolicy(name="always", maximum_retry_count=3)},
            "invalid restart policy: maximum retry count can only be used with 'on-failure'",
        ),
        (
            {"restart_policy": RestartPolicy(name="on-failure", maximum_retry_count=-1)},
            "invalid restart policy: maximum retry count cannot be negative",
        ),
        (
            {"auto_remove": True, "restart_policy": RestartPolicy(name="always")},
            "can't create 'AutoRemove' container with restart policy",
        ),
        ({"cap_add": ("FLY",)}, 'invalid CapAdd: unknown capability: "FLY"'),
        (
            {"oom_score_adj": 1001},
            "Invalid value 1001, range for oom score adj is [-1000, 1000]",
        ),
        ({"shm_size": -1}, "SHM size can not be less than 0"),
        ({"binds": ("/a:/x", "/b:/x/")}, "Duplicate mount point: /x"),
        (
            {"binds": ("/a:/x",), "mounts": (MountSpec(type="tmpfs", target="/x"),)},
            "Duplicate mount point: /x",
        ),
        (
            {"mounts": (MountSpec(type="bind", source="/missing", target="/x"),)},
            'invalid mount config for type "bind": bind source path does not exist: /missing',
        ),
        ({"tmpfs": {"run": ""}}, "invalid mount path: 'run' mount path must be absolute"),
    ],
)
def test_bad_host_config(host: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        check({}, host)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"memory": 4 * MIB}, "Minimum memory limit allowed is 6MB"),
        ({"memory": -1}, "Minimum memory limit allowed is 6MB"),
        ({"memory_reservation": 1}, "Minimum memory reservation allowed is 6MB"),
        (
            {"memory": 8 * MIB, "memory_reservation": 9 * MIB},
            "Minimum memory limit can not be less than memory reservation limit, see usage",
        ),
        (
            {"memory_swap": 8 * MIB},
            "You should always set the Memory limit when using Memoryswap limit, see usage",
        ),
        (
            {"memory": 8 * MIB, "memory_swap": 7 * MIB},
            "Minimum memoryswap limit should be larger than memory limit, see usage",
        ),
        (
            {"memory_swappiness": 101},
            "Invalid value: 101, valid memory swappiness range is 0-100",
        ),
        (
            {"nano_cpus": 3_000_000_000},
            "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available",
        ),
        (
            {"nano_cpus": 10**9, "cpu_quota": 5000},
            "Conflicting options: Nano CPUs and CPU Quota cannot both be set",
        ),
        (
            {"cpu_shares": -1},
            "invalid CPU shares (-1): value must be a positive integer",
        ),
        (
            {"cpu_period": 10},
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
        ),
        ({"cpu_quota": 10}, "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
        ({"cpuset_cpus": "a-b"}, "Invalid value a-b for cpuset cpus"),
        ({"blkio_weight": 5}, "Range of blkio weight is from 10 to 1000"),
        (
            {"devices": (Device(host_path="/dev/x", container_path="/x", permissions="q"),)},
            "bad mode specified: q",
        ),
        ({"device_cgroup_rules": ("x",)}, "invalid device cgroup rule format: 'x'"),
        ({"ulimits": (Ulimit(name="odd", soft=1, hard=1),)}, "invalid ulimit type: odd"),
        (
            {"ulimits": (Ulimit(name="nofile", soft=2, hard=1),)},
            "ulimit soft limit must be less than or equal to hard limit: 2 > 1",
        ),
    ],
)
def test_bad_limits(limits: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        check({}, {"resources": Resources(**limits)})
    assert str(caught.value) == message


def test_good_request_has_no_warning() -> None:
    assert (
        check(
            {"env": ("A=b", "DROP"), "stop_signal": "SIGTERM", "working_dir": "/srv"},
            {
                "binds": ("/a:/x:ro", "data:/y"),
                "tmpfs": {"/run": "size=1m"},
                "extra_hosts": ("db:10.0.0.1", "six:::1", "gate:host-gateway"),
                "resources": Resources(memory=6 * MIB, memory_swap=-1, nano_cpus=2 * 10**9),
                "restart_policy": RestartPolicy(name="on-failure", maximum_retry_count=3),
                "cap_add": ("NET_ADMIN", "cap_sys_time", "ALL"),
                "sysctls": {"net.core.somaxconn": "1024"},
            },
            endpoints=(EndpointSpec(network="bridge", ipv4="172.17.0.9"),),
            name="web_1.a-b",
        )
        == []
    )


def test_warnings() -> None:
    port = PortSpec(container_port=80, protocol="tcp", host_port=80)
    assert check({}, {"network_mode": "host", "port_bindings": (port,)}) == [
        "Published ports are discarded when using host network mode"
    ]
    assert len(check({}, {"resources": Resources(oom_kill_disable=True)})) == 1


@pytest.mark.parametrize("name", ["a", "-x", "a b", "ä1", "x/y"])
def test_bad_name(name: str) -> None:
    with pytest.raises(InvalidParameterError, match="Invalid container name"):
        check({}, {}, name=name)


def test_devices_by_capability_are_refused() -> None:
    gpus = DeviceRequest(count=-1, capabilities=(("gpu",),))
    with pytest.raises(NotSupportedError, match=r'driver "" with capabilities: \[\[gpu\]\]'):
        check({}, {"resources": Resources(device_requests=(gpus,))})
