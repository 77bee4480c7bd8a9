"""The settings as a page of the documentation, made from the table."""

from collections.abc import Iterator
from typing import Any

from boxship.daemon.settings import SETTINGS, UNSUPPORTED, Setting

_INTRODUCTION = """\
# Settings of boxshipd

A setting is given on the command line or in the configuration file, `/etc/boxship/daemon.json`
(another one: `--config-file`), not in both. Names and values are dockerd's. `boxshipd --validate`
checks a configuration. SIGHUP reads the file again: settings marked *yes* under *reload* change at
once, others are named in the log and wait for a restart.

This page is made from `boxship/daemon/settings.py`.
"""

_UNSUPPORTED_INTRODUCTION = """\
## Docker's settings that have no effect here

Using one of these is an error that gives the reason.
"""


def settings_page() -> str:
    """Return the page in Markdown."""
    return "\n".join(
        [
            _INTRODUCTION,
            *_table(
                ("flag", "daemon.json", "kind", "default", "reload", "meaning"),
                (_row(setting) for setting in SETTINGS),
            ),
            "",
            _UNSUPPORTED_INTRODUCTION,
            *_table(("daemon.json", "why"), ((f"`{k}`", why) for k, why in UNSUPPORTED.items())),
            "",
        ]
    )


def _row(setting: Setting) -> tuple[str, ...]:
    short = f"`-{setting.short}`, " if setting.short else ""
    flag = f"{short}`--{setting.flag}`" if setting.flag else ""
    key = f"`{setting.name}`" if setting.in_file else ""
    reload = "yes" if setting.reload else ""
    return flag, key, setting.kind.word, _shown(setting.default), reload, setting.doc


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"`{value}`" if value not in ("", (), {}, -1) else ""


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield _line(head)
    yield _line(tuple("---" for _ in head))
    for row in rows:
        yield _line(row)


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
