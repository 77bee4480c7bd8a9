"""Which snapshot driver a data root gets, and why."""

from collections.abc import Callable
from pathlib import Path

from boxship.engine.storage.snapshots.driver import SnapshotDriver
from boxship.engine.storage.snapshots.overlay import OverlayDriver
from boxship.engine.storage.snapshots.vfs import VfsDriver
from boxship.errors import InvalidParameterError, NotSupportedError

_DRIVERS: dict[str, Callable[[Path], SnapshotDriver]] = {
    OverlayDriver.name: OverlayDriver,
    VfsDriver.name: VfsDriver,
}
_ALIASES = {"overlay": OverlayDriver.name}
"""In the order of preference of an automatic choice."""


def open_driver(data_root: Path, name: str) -> tuple[SnapshotDriver, str]:
    """Return the opened driver and the reason for the choice.

    A name is obeyed or refused: InvalidParameterError if it is unknown, NotSupportedError if this
    host cannot. Without one, a driver that has layers here already is kept, else the best that
    works is taken.
    """
    if name:
        return _open_named(data_root, _ALIASES.get(name, name)), "chosen by the configuration"
    refusals = []
    for candidate, reason in _candidates(data_root):
        try:
            driver = _open_named(data_root, candidate)
        except NotSupportedError as error:
            refusals.append(str(error))
            continue
        return driver, "; ".join([reason, *refusals])
    raise NotSupportedError("no storage driver works here: " + "; ".join(refusals))


def _candidates(data_root: Path) -> list[tuple[str, str]]:
    used = [name for name in _DRIVERS if _has_layers(data_root / name)]
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
