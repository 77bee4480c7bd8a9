from pathlib import Path

from boxship.linux.cgroups import detect, read_number, read_table, remove


def mountinfo(tmp_path: Path, *lines: str) -> str:
    path = tmp_path / "mountinfo"
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def v1(tmp_path: Path, names: str) -> str:
    return f"1 2 0:3 / {tmp_path}/{names} rw - cgroup cgroup rw,{names}"


def unified(tmp_path: Path, controllers: str) -> str:
    (tmp_path / "unified").mkdir()
    (tmp_path / "unified/cgroup.controllers").write_text(controllers)
    return f"1 2 0:3 / {tmp_path}/unified rw - cgroup2 cgroup2 rw"


def test_version_2(tmp_path: Path) -> None:
    found = detect(mountinfo(tmp_path, unified(tmp_path, "cpu memory\n")))
    assert found.version == 2
    assert not found.is_hybrid
    assert found.controllers == {"cpu", "memory"}
    assert list(found.directories("/a/b")) == [tmp_path / "unified/a/b"]
    assert found.directory("/a", "cpu") == tmp_path / "unified/a"


def test_version_1(tmp_path: Path) -> None:
    found = detect(mountinfo(tmp_path, v1(tmp_path, "cpu,cpuacct"), v1(tmp_path, "name=systemd")))
    assert found.version == 1
    assert not found.is_hybrid
    assert found.controllers == {"cpu", "cpuacct"}
    assert found.directory("/a", "cpuacct") == tmp_path / "cpu,cpuacct/a"
    assert found.directory("/a", "memory") is None
    assert len(list(found.directories("/a"))) == 2


def test_hybrid(tmp_path: Path) -> None:
    lines = (v1(tmp_path, "memory"), unified(tmp_path, "hugetlb"))
    assert detect(mountinfo(tmp_path, *lines)).is_hybrid


def test_hybrid_of_systemd_holds_no_controllers(tmp_path: Path) -> None:
    lines = (v1(tmp_path, "memory"), unified(tmp_path, ""))
    assert not detect(mountinfo(tmp_path, *lines)).is_hybrid


def test_files(tmp_path: Path) -> None:
    (tmp_path / "max").write_text("max\n")
    (tmp_path / "table").write_text("a 1\nb c 2\nodd\n")
    assert read_number(tmp_path / "max") is None
    assert read_number(tmp_path / "none") is None
    assert read_table(tmp_path / "table") == {"a": 1, "b c": 2}
    assert read_table(tmp_path / "none") == {}


def test_removing(tmp_path: Path) -> None:
    (tmp_path / "a/b/c").mkdir(parents=True)
    assert remove(tmp_path / "a")
    assert remove(tmp_path / "a")
    assert not (tmp_path / "a").exists()
