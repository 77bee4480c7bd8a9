import pytest

from boxship.engine.containers.binds import check_mount, parse_bind, parse_volumes_from
from boxship.engine.containers.container import MountSpec
from boxship.errors import InvalidParameterError


@pytest.mark.parametrize(
    ("text", "kind", "source", "target", "read_only"),
    [
        ("/data", "volume", "", "/data", False),
        ("/src:/data", "bind", "/src", "/data", False),
        ("/src/../etc/:/data/", "bind", "/etc", "/data", False),
        ("/src:/data:ro", "bind", "/src", "/data", True),
        ("name:/data", "volume", "name", "/data", False),
        ("name:/data:rw,nocopy", "volume", "name", "/data", False),
        ("/src:/data:z,ro,rslave", "bind", "/src", "/data", True),
        ("/src:/data:", "bind", "/src", "/data", False),
    ],
)
def test_bind(text: str, kind: str, source: str, target: str, read_only: bool) -> None:
    spec = parse_bind(text).spec
    assert (spec.type, spec.source, spec.target, spec.read_only) == (
        kind,
        source,
        target,
        read_only,
    )


def test_bind_options() -> None:
    bind = parse_bind("/src:/data:Z,ro,rshared,cached")
    assert (bind.mode, bind.relabel) == ("Z,ro,rshared,cached", "Z")
    assert (bind.spec.propagation, bind.spec.consistency) == ("rshared", "cached")
    assert parse_bind("name:/data:nocopy").spec.no_copy


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "invalid volume specification: ''"),
        (":/data", "invalid volume specification: ':/data'"),
        ("/data:ro", "invalid volume specification: '/data:ro'"),
        ("/a:/b:ro:x", "invalid volume specification: '/a:/b:ro:x'"),
        ("/a:/b:wx", "invalid mode: wx"),
        ("/a:/b:ro,rw", "invalid mode: ro,rw"),
        ("/a:/b:ro,", "invalid mode: ro,"),
        (
            "/a:b",
            "invalid volume specification: '/a:b': invalid mount config for type \"bind\": "
            "invalid mount path: 'b' mount path must be absolute",
        ),
        (
            "/a:/",
            "invalid volume specification: '/a:/': invalid mount config for type \"bind\": "
            "invalid specification: destination can't be '/'",
        ),
        (
            "/a:",
            "invalid volume specification: '/a:'",
        ),
        (
            "name:/b:shared",
            "invalid volume specification: 'name:/b:shared': invalid mount config for type "
            '"volume": field BindOptions must not be specified',
        ),
        (
            "/a:/b:nocopy",
            "invalid volume specification: '/a:/b:nocopy': invalid mount config for type "
            '"bind": field VolumeOptions must not be specified',
        ),
    ],
)
def test_bad_bind(text: str, message: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        parse_bind(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (MountSpec(type="bind", target=""), "field Target must not be empty"),
        (MountSpec(type="bind", target="/t"), "field Source must not be empty"),
        (
            MountSpec(type="bind", target="/t", source="s"),
            "invalid mount path: 's' mount path must be absolute",
        ),
        (
            MountSpec(type="bind", target="/t", source="/missing"),
            "bind source path does not exist: /missing",
        ),
        (
            MountSpec(type="bind", target="/t", source="/s", propagation="odd"),
            "invalid propagation mode: odd",
        ),
        (
            MountSpec(type="volume", target="/t", read_only=True),
            "must not set ReadOnly mode when using anonymous volumes",
        ),
        (
            MountSpec(type="volume", target="/t", source="v", subpath="../x"),
            "subpath must be a relative path within the volume",
        ),
        (
            MountSpec(type="tmpfs", target="/t", source="s"),
            "field Source must not be specified",
        ),
        (
            MountSpec(type="tmpfs", target="/t", tmpfs_options=(("suid",),)),
            "invalid option: suid",
        ),
        (MountSpec(type="odd", target="/t"), "mount type unknown"),
    ],
)
def test_bad_mount(spec: MountSpec, reason: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        check_mount(spec, exists=lambda path: path != "/missing")
    assert str(caught.value) == f'invalid mount config for type "{spec.type}": {reason}'


def test_good_mounts() -> None:
    for spec in (
        MountSpec(type="bind", target="/t", source="/s", propagation="rslave"),
        MountSpec(type="bind", target="/t", source="/missing", create_mountpoint=True),
        MountSpec(type="volume", target="/t"),
        MountSpec(type="volume", target="/t", source="v", subpath="a/b"),
        MountSpec(type="tmpfs", target="/t", tmpfs_size=1024, tmpfs_options=(("exec",),)),
        MountSpec(type="image", target="/t", source="alpine"),
    ):
        check_mount(spec, exists=lambda path: path != "/missing")


def test_volumes_from() -> None:
    assert parse_volumes_from("web") == ("web", False)
    assert parse_volumes_from("web:ro") == ("web", True)
    for text in ("web:shared", "web:nocopy", "web:x"):
        with pytest.raises(InvalidParameterError, match="invalid mode"):
            parse_volumes_from(text)
