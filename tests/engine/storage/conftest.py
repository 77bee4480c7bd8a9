"""Tests of a driver are collected where the kernel has what it needs."""

from tests.support.snapshots import drivers

_MODULES = {"btrfs": "test_btrfs.py", "fuse-overlayfs": "test_fuse.py"}
collect_ignore = [module for driver, module in _MODULES.items() if driver not in drivers()]
