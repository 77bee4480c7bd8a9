"""Which snapshot driver a data root gets, and why."""

from collections.abc import Callable
from pathlib import Path

from boxship.engine.storage.snapshots.btrfs import BtrfsDriver
from boxship.engine.storage.snapshots.driver import SnapshotDriver
from boxship.engine.storage.snapshots.fuse import FuseOverlayDriver
from boxship.engine.storage.snapshots.overlay import OverlayDriver
from boxship.engine.storage.snapshots.vfs import VfsDriver
from boxship.errors import InvalidParameterError, NotSupportedError

_DRIVERS: dict[str, Callable[[Path], SnapshotDriver]] = {
    OverlayDriver.name: OverlayDriver,
    BtrfsDriver.name: BtrfsDriver,
    FuseOverlayDriver.name: FuseOverlayDriver,
    VfsDriver.name: VfsDriver,
}
"""In the order of preference of an automatic choice."""
_ALIASES = {"overlay": OverlayDriver.name, "overlayfs": OverlayDriver.name}


def open_driver(data_root: Path, name: str) -> tuple[SnapshotDriver, str]:
    """Return the opened driver and the reason for the choice.

    A name is obeyed or refused: InvalidParameterError if it is unknown, NotSupportedError if this
    host cannot. Without one, a driver that has layers here already is kept, else the best that
    works is taken.
    """
    if name:
        return _open_named(data_root, _ALIASES.get(name, name)), _obeyed(data_root, name)
    refusals = []
    for candidate, reason in _candidates(data_root):
        try:
            driver = _open_named(data_root, candidate)
        except NotSupportedError as error:
            refusals.append(str(error))
            continue
        return driver, "; ".join([reason, *refusals])
    raise NotSupportedError("no storage driver works here: " + "; ".join(refusals))


def _obeyed(data_root: Path, name: str) -> str:
    others = [other for other in _used(data_root) if other != _ALIASES.get(name, name)]
    if not others:
        return "chosen by the configuration"
    return (
        f"chosen by the configuration; images and containers of {', '.join(others)} stay in "
        f"{data_root} and are not seen"
    )


def _used(data_root: Path) -> list[str]:
    return [name for name in _DRIVERS if _has_layers(data_root / name)]


def _candidates(data_root: Path) -> list[tuple[str, str]]:
    used = _used(data_root)
    kept = [(name, "layers are stored with it already") for name in used]
    fresh = [(name, "the best that works here") for name in _DRIVERS if name not in used]
    return kept + fresh


def _has_layers(root: Path) -> bool:
    try:
        return any((root / "layers").iterdir())
    except FileNotFoundError:
        return False


def _open_named(data_root: Path, name: str) -> SnapshotDriver:
    factory = _DRIVERS.get(name)
    if factory is None:
        raise InvalidParameterError(
            f"unknown storage driver '{name}': this engine has {', '.join(_DRIVERS)}"
        )
    driver = factory(data_root / name)
    driver.open()
    return driver
