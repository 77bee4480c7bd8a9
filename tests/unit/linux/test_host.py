from pathlib import Path

from boxship.linux.host import read_host


def test_the_facts_are_read(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "etc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal:       2048 kB\nMemFree: 1 kB\n")
    (tmp_path / "etc/os-release").write_text(
        '# a comment\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\n\nID=debian\n'
    )
    host = read_host(tmp_path)
    assert host.operating_system == "Debian GNU/Linux 12 (bookworm)"
    assert host.os_version == "12"
    assert host.memory == 2048 * 1024
    assert host.processors >= 1
    assert host.kernel


def test_a_system_without_a_name_is_linux(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("")
    host = read_host(tmp_path)
    assert (host.operating_system, host.memory) == ("Linux", 0)
