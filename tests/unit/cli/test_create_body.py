"""From flags to the body of ContainerCreate, as docker/cli builds it."""

from pathlib import Path
from typing import Any

import pytest

from boxship.cli.container.create_flags import CREATE_FLAGS
from boxship.cli.container.spec import create_body
from boxship.cli.errors import CliError
from boxship.cli.flags import parse


def body_of(*words: str) -> Any:
    parsed = parse(CREATE_FLAGS, [*words, "busybox"], interspersed=False)
    return create_body(parsed.flags, parsed.args[0], parsed.args[1:])


def host_of(*words: str) -> Any:
    return body_of(*words)["HostConfig"]


def test_nothing_given() -> None:
    assert body_of() == {
        "Image": "busybox",
        "AttachStdout": True,
        "AttachStderr": True,
        "HostConfig": {
            "NetworkMode": "default",
            "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        },
        "NetworkingConfig": {"EndpointsConfig": {"default": {}}},
    }


def binding(address: str = "", port: str = "") -> dict[str, str]:
    return {"HostIp": address, "HostPort": port}


@pytest.mark.parametrize(
    ("text", "bindings"),
    [
        ("80", {"80/tcp": [binding()]}),
        ("8080:80", {"80/tcp": [binding(port="8080")]}),
        (":80", {"80/tcp": [binding()]}),
        ("127.0.0.1::53/UDP", {"53/udp": [binding("127.0.0.1")]}),
        ("127.0.0.1:5000:80", {"80/tcp": [binding("127.0.0.1", "5000")]}),
        ("[::1]:5:6", {"6/tcp": [binding("::1", "5")]}),
        ("::1:5:6", {"6/tcp": [binding("::1", "5")]}),
        ("7000-7001:80-81", {"80/tcp": [binding(port="7000")], "81/tcp": [binding(port="7001")]}),
        ("8000-8010:80", {"80/tcp": [binding(port="8000-8010")]}),
        ("80-81", {"80/tcp": [binding()], "81/tcp": [binding()]}),
        ("target=80,published=8080,protocol=sctp", {"80/sctp": [binding(port="8080")]}),
    ],
)
def test_publish(text: str, bindings: dict[str, Any]) -> None:
    body = body_of("-p", text)
    assert body["HostConfig"]["PortBindings"] == bindings
    assert body["ExposedPorts"] == {key: {} for key in bindings}


def test_expose() -> None:
    assert body_of("--expose", "80-81", "--expose", "53/udp")["ExposedPorts"] == {
        "80/tcp": {},
        "81/tcp": {},
        "53/udp": {},
    }


@pytest.mark.parametrize(
    ("text", "mount"),
    [
        ("source=v,target=/t", {"Type": "volume", "Source": "v", "Target": "/t"}),
        (
            "type=bind,src=/a,dst=/b,readonly",
            {"Type": "bind", "Source": "/a", "Target": "/b", "ReadOnly": True},
        ),
        (
            "type=bind,src=/a,dst=/b,ro=true,bind-propagation=rprivate,bind-recursive=readonly",
            {
                "Type": "bind",
                "Source": "/a",
                "Target": "/b",
                "ReadOnly": True,
                "BindOptions": {"Propagation": "rprivate", "ReadOnlyForceRecursive": True},
            },
        ),
        (
            "type=tmpfs,destination=/t,tmpfs-size=10m,tmpfs-mode=1770",
            {
                "Type": "tmpfs",
                "Target": "/t",
                "TmpfsOptions": {"SizeBytes": 10485760, "Mode": 0o1770},
            },
        ),
        (
            'type=volume,dst=/v,volume-nocopy,volume-driver=d,"volume-opt=o=a,b",volume-label=l=1',
            {
                "Type": "volume",
                "Target": "/v",
                "VolumeOptions": {
                    "NoCopy": True,
                    "DriverConfig": {"Name": "d", "Options": {"o": "a,b"}},
                    "Labels": {"l": "1"},
                },
            },
        ),
        (
            "type=image,src=i,dst=/i,image-subpath=q",
            {"Type": "image", "Source": "i", "Target": "/i", "ImageOptions": {"Subpath": "q"}},
        ),
    ],
)
def test_mount(text: str, mount: dict[str, Any]) -> None:
    assert host_of("--mount", text)["Mounts"] == [mount]


def test_volumes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    body = body_of("-v", "/a:/b:ro", "-v", "vol:/c", "-v", "/anon", "-v", "./rel:/d:z,ro")
    assert body["Volumes"] == {"/anon": {}}
    assert body["HostConfig"]["Binds"] == ["/a:/b:ro", "vol:/c", f"{tmp_path}/rel:/d:z,ro"]


def test_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KNOWN", "here")
    monkeypatch.delenv("UNKNOWN", raising=False)
    file = tmp_path / "env"
    file.write_text("# comment\n\nF=1\n  KNOWN\nUNKNOWN\nG=a b\n")
    body = body_of("-e", "A=1", "-e", "KNOWN", "-e", "UNKNOWN", "--env-file", str(file))
    assert body["Env"] == ["F=1", "KNOWN=here", "G=a b", "A=1", "KNOWN=here", "UNKNOWN"]


def test_proxies_are_added_unless_given() -> None:
    parsed = parse(CREATE_FLAGS, ["-e", "HTTP_PROXY=mine", "busybox"], interspersed=False)
    proxies = {"HTTP_PROXY": "p", "http_proxy": "p"}
    body = create_body(parsed.flags, "busybox", [], proxies)
    assert body["Env"] == ["HTTP_PROXY=mine", "http_proxy=p"]


def test_networks() -> None:
    body = body_of(
        "--network", "name=n1,alias=a,alias=b,ip=1.2.3.4,driver-opt=k=v,gw-priority=5",
        "--network", "n2", "--mac-address", "02:42:ac:11:00:02", "--link", "db",
    )  # fmt: skip
    assert body["HostConfig"]["NetworkMode"] == "n1"
    assert body["NetworkingConfig"]["EndpointsConfig"] == {
        "n1": {
            "IPAMConfig": {"IPv4Address": "1.2.3.4"},
            "Links": ["db"],
            "Aliases": ["a", "b"],
            "MacAddress": "02:42:ac:11:00:02",
            "DriverOpts": {"k": "v"},
            "GwPriority": 5,
        },
        "n2": {},
    }


def test_resources() -> None:
    host = host_of(
        "-m", "100m", "--memory-swap", "-1", "--cpus", "1.5", "--cpuset-cpus", "0,1", "-c", "512",
        "--pids-limit", "10", "--ulimit", "nofile=10:20", "--ulimit", "core=0",
        "--device", "/dev/null:/dev/x:r", "--device", "vendor.com/gpu=0", "--gpus", "all",
        "--blkio-weight-device", "/dev/sda:100", "--device-read-bps", "/dev/sda:1mb",
    )  # fmt: skip
    assert host["Memory"] == 104857600
    assert host["MemorySwap"] == -1
    assert host["NanoCpus"] == 1_500_000_000
    assert host["CpusetCpus"] == "0,1"
    assert host["CpuShares"] == 512
    assert host["PidsLimit"] == 10
    assert host["Ulimits"] == [
        {"Name": "core", "Hard": 0, "Soft": 0},
        {"Name": "nofile", "Hard": 20, "Soft": 10},
    ]
    assert host["Devices"] == [
        {"PathOnHost": "/dev/null", "PathInContainer": "/dev/x", "CgroupPermissions": "r"}
    ]
    assert [request["Driver"] for request in host["DeviceRequests"]] == ["", "cdi"]
    assert host["BlkioWeightDevice"] == [{"Path": "/dev/sda", "Weight": 100}]
    assert host["BlkioDeviceReadBps"] == [{"Path": "/dev/sda", "Rate": 1048576}]


def test_gpus() -> None:
    request = host_of("--gpus", '"device=0,1",capabilities=compute')["DeviceRequests"][0]
    assert request["DeviceIDs"] == ["0", "1"]
    assert request["Capabilities"] == [["compute", "gpu"]]
    assert request["Count"] == 0


def test_security(tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    profile.write_text('{ "defaultAction": "SCMP_ACT_ALLOW" }')
    host = host_of(
        "--security-opt", f"seccomp={profile}", "--security-opt", "no-new-privileges",
        "--security-opt", "systempaths=unconfined", "--cap-add", "net_admin", "--cap-drop", "all",
    )  # fmt: skip
    assert host["SecurityOpt"] == [
        'seccomp={"defaultAction":"SCMP_ACT_ALLOW"}',
        "no-new-privileges",
    ]
    assert (host["MaskedPaths"], host["ReadonlyPaths"]) == ([], [])
    assert host["CapAdd"] == ["CAP_NET_ADMIN"]
    assert host["CapDrop"] == ["ALL"]


def test_health_check() -> None:
    body = body_of("--health-cmd", "true", "--health-interval", "5s", "--health-retries", "2")
    check = {"Test": ["CMD-SHELL", "true"], "Interval": 5 * 10**9, "Retries": 2}
    assert body["Healthcheck"] == check
    assert body_of("--no-healthcheck")["Healthcheck"] == {"Test": ["NONE"]}


def test_streams() -> None:
    interactive = body_of("-it")
    assert interactive["OpenStdin"]
    assert interactive["StdinOnce"]
    assert interactive["Tty"]
    output_only = body_of("-i", "-a", "stdout")
    assert "AttachStdin" not in output_only
    assert "StdinOnce" not in output_only


def test_an_empty_entrypoint_resets_the_images() -> None:
    assert body_of("--entrypoint", "")["Entrypoint"] == [""]
    assert "Entrypoint" not in body_of()


def test_stop_timeout_zero_is_a_choice() -> None:
    assert body_of("--stop-timeout", "0")["StopTimeout"] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-p", "80:80:80:80"], "invalid IP address: 80:80"),
        (["-p", "70000:80"], "invalid hostPort: 70000"),
        (["-p", "abc"], "invalid containerPort: abc"),
        (["-p", "80/foo"], "invalid proto: foo"),
        (["-p", "80-79:80"], "invalid hostPort: 80-79"),
        (
            ["-p", "8000-8001:80-82"],
            "invalid ranges specified for container and host Ports: 80-82 and 8000-8001",
        ),
        (["--expose", "80:80"], "invalid port format for --expose: 80:80"),
        (["-v", ""], "invalid empty volume spec"),
        (["-v", "/a:/b:/c:/d"], "invalid spec: /a:/b:/c:/d: too many colons"),
        (["-v", ":/x"], "invalid spec: :/x: empty section between colons"),
        (["--mount", "foo"], "invalid field 'foo' must be a key=value pair"),
        (["--mount", "type=bind,src=/x"], "target is required"),
        (["--mount", "dst=/b,foo=bar"], "unexpected key 'foo' in 'foo=bar'"),
        (["--mount", "dst=/b,readonly=maybe"], "invalid value for readonly: maybe"),
        (
            ["--mount", "type=tmpfs,dst=/x,volume-nocopy"],
            "cannot mix 'volume-*' options with mount type 'tmpfs'",
        ),
        (["--ulimit", "foo=1"], "invalid ulimit type: foo"),
        (["--ulimit", "nofile"], "invalid ulimit argument: nofile"),
        (["--ulimit", "nofile=20:10"], "must be less than or equal to hard limit: 20 > 10"),
        (["--device", "/dev/x:/y:q"], "bad mode specified: q"),
        (["-e", "=x"], "invalid environment variable: =x"),
        (["--env-file", "/none"], "open /none: no such file or directory"),
        (["--security-opt", "bogus"], 'Invalid --security-opt: "bogus"'),
        (["--security-opt", "seccomp=/none"], "opening seccomp profile (/none) failed"),
        (["--restart", "on-failure:x"], "maximum retry count must be an integer"),
        (["--rm", "--restart", "always"], "cannot specify both --restart and --rm"),
        (["--link", "a:b:c"], "bad format for links: a:b:c"),
        (["--add-host", "foo"], 'bad format for add-host: "foo"'),
        (["--add-host", "a:b"], 'invalid IP address in add-host: "b"'),
        (["--dns", "abc"], "IP address is not correctly formatted: abc"),
        (["--pid", "foo"], "--pid: invalid PID mode"),
        (["--cgroupns", "foo"], "--cgroupns: invalid CGROUP mode"),
        (["--log-driver", "none", "--log-opt", "a=b"], "invalid logging opts for driver none"),
        (["--sysctl", "foo=1"], "sysctl 'foo=1' is not allowed"),
        (["--no-healthcheck", "--health-cmd", "x"], "--no-healthcheck conflicts with --health-*"),
        (["--health-interval", "-5s"], "--health-interval cannot be negative"),
        (["--attach", "foo"], "valid streams are STDIN, STDOUT and STDERR"),
        (["--memory-swappiness", "200"], "Valid memory swappiness range is 0-100"),
        (["--network", "a", "--network", "a"], 'network "a" is specified multiple times'),
        (["--network", "host", "--network-alias", "x"], "only supported for user-defined"),
        (["--network", "name=a,foo=b"], "invalid field key foo"),
        (["--network", "alias=b"], "network name/id is not specified"),
        (["--network", "name=a,ip=1.1.1.1", "--ip", "2.2.2.2"], "both --ip and per-network ip"),
        (["--gpus", "foo"], "invalid count (foo)"),
        (["--device-read-bps", "sda:1"], "bad format for device path: sda:1"),
        (["--blkio-weight-device", "/dev/sda:1"], "invalid weight for device: /dev/sda:1"),
    ],
)
def test_bad_values_name_their_cause(words: list[str], message: str) -> None:
    with pytest.raises(CliError) as caught:
        body_of(*words)
    assert message in str(caught.value)
    assert caught.value.code == 125
