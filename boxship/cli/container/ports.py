"""Published ports as ``ps`` shows them."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    Port = Mapping[str, Any]


def displayed(ports: "Iterable[Port]") -> str:
    """``0.0.0.0:8080->80/tcp, [::]:8080->80/tcp``; runs of equal mappings become ranges."""
    groups: dict[tuple[str, str], list[tuple[int, int]]] = {}
    mapped: list[str] = []
    for port in sorted(ports, key=_order):
        address, private, kind = port.get("IP") or "", port["PrivatePort"], port["Type"]
        public = port.get("PublicPort") or 0
        if address and public != private:
            mapped.append(f"{_join(address, str(public))}->{private}/{kind}")
            continue
        runs = groups.setdefault((address, kind), [])
        if runs and private == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], private)
        else:
            runs.append((private, private))
    # As in Docker, all runs of a group but its last come first.
    early = [_run(key, run) for key, runs in groups.items() for run in runs[:-1]]
    late = [_run(key, runs[-1]) for key, runs in groups.items()]
    return ", ".join(early + late + mapped)


def _order(port: "Port") -> "tuple[int, str, int, str]":
    return port["PrivatePort"], port.get("IP") or "", port.get("PublicPort") or 0, port["Type"]


def _run(key: tuple[str, str], run: tuple[int, int]) -> str:
    address, kind = key
    text = str(run[0]) if run[0] == run[1] else f"{run[0]}-{run[1]}"
    return f"{_join(address, text)}->{text}/{kind}" if address else f"{text}/{kind}"


def _join(address: str, port: str) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
