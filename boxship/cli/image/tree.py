"""``images --tree``: each image with the variants of its index below it, as Docker 28 draws it."""

from boxship.cli import human

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    Json = Mapping[str, Any]
    Look = Callable[[str], str]

WARNING = (
    "WARNING: This is an experimental feature. The output may change and shouldn't be depended on."
)
_GAP = "   "
_LEAST_WIDTH = 20
_LEAST_NAME_WIDTH = 12
_DEFAULT_WIDTH = 80
_TITLES = (("ID", 12), ("DISK USAGE", 10), ("CONTENT SIZE", 12), ("EXTRA", 5))
_NOTHING = "<untagged>"


class Style:
    """Escape sequences for a terminal; on anything else text stays plain."""

    def __init__(self, is_terminal: bool) -> None:
        self.is_terminal = is_terminal

    def _with(self, codes: str, text: str) -> str:
        return f"\x1b[{codes}m{text}\x1b[0m" if self.is_terminal else text

    def warning(self, text: str) -> str:
        """Light yellow."""
        return self._with("93", text)

    def title(self, text: str) -> str:
        """Bold."""
        return self._with("39;1", text)

    def name(self, text: str) -> str:
        """Bold blue."""
        return self._with("34;1", text)

    def absent(self, text: str) -> str:
        """Faint, for variants that are not here."""
        return self._with("39;2", text)

    def info(self) -> str:
        """What the legend begins with."""
        return "\x1b[1;106;30mi\x1b[0m \x1b[96mInfo → \x1b[0m" if self.is_terminal else "Info -> "

    def chip(self, text: str) -> str:
        """Black on cyan."""
        return self._with("38;5;0;48;5;14", text)


def render(images: "Sequence[Json]", width: int, style: Style) -> str:
    """Draw images, as the API lists them with their manifests. width: columns, 0: not known."""
    images = sorted(images, key=lambda image: -(image.get("Created") or 0))
    width = max(width or _DEFAULT_WIDTH, _LEAST_WIDTH)
    titles, name_width = _fit(width, _widest(images))
    legend = style.info() + style.chip(" U ") + (" In Use " if style.is_terminal else "In Use ")
    plain_length = len("i Info →  U  In Use ") if style.is_terminal else len(legend)
    lines = [style.warning(WARNING), " " * max(0, width - plain_length) + legend, ""]
    shown = [style.title("IMAGE") + " " * (name_width - len("IMAGE"))]
    shown += [_cell(title, size, style.title, index) for index, (title, size) in enumerate(titles)]
    lines.append(_GAP.join(shown))
    for image in images:
        lines += [*_image(image, titles, name_width, style), ""]
    return "\n".join(lines) + "\n"


def _fit(width: int, widest: int) -> "tuple[Sequence[tuple[str, int]], int]":
    """The columns that have room, and the width of the first one."""
    left = width
    for index, (_, size) in enumerate(_TITLES):
        if left - size - len(_GAP) < _LEAST_NAME_WIDTH:
            return _TITLES[:index], min(left, widest)
        left -= size + len(_GAP)
    return _TITLES, min(left, widest)


def _widest(images: "Sequence[Json]") -> int:
    texts = ["IMAGE"]
    for image in images:
        texts += _names(image)
        texts += [f"└─ {_platform(child)}" for child in _children(image)]
    return max(map(len, texts))


def _names(image: "Json") -> list[str]:
    return list(image.get("RepoTags") or []) or [_NOTHING]


def _children(image: "Json") -> "list[Json]":
    return [child for child in image.get("Manifests") or [] if child.get("Kind") == "image"]


def _platform(child: "Json") -> str:
    platform = (child.get("ImageData") or {}).get("Platform") or {}
    parts = (platform.get("os"), platform.get("architecture"), platform.get("variant"))
    return "/".join(part for part in parts if part) or "unknown"


def _users(child: "Json") -> bool:
    return bool((child.get("ImageData") or {}).get("Containers"))


def _image(
    image: "Json", titles: "Sequence[tuple[str, int]]", name_width: int, style: Style
) -> list[str]:
    children = _children(image)
    content = sum((child.get("Size") or {}).get("Content") or 0 for child in children)
    used = (image.get("Containers") or 0) > 0 or any(map(_users, children))
    *others, last = _names(image)
    cells = _details(image["Id"], image.get("Size") or 0, content, used, style)
    lines = [style.name(name) for name in others]
    lines.append(_line(last, style.name, cells, titles, name_width))
    for child in children:
        size = child.get("Size") or {}
        branch = "└─" if child is children[-1] else "├─"
        cells = _details(
            child["ID"], size.get("Total") or 0, size.get("Content") or 0, _users(child), style
        )
        look = _plain if child.get("Available") else style.absent
        lines.append(_line(f"{branch} {_platform(child)}", look, cells, titles, name_width, look))
    return lines


def _details(
    digest: str, disk: int, content: int, used: bool, style: Style
) -> "tuple[str, str, str, str]":
    mark = style.chip(" U ") if style.is_terminal else "U  "
    chip = mark if used else "   "
    return human.short_id(digest), human.size(disk), human.size(content), f"{chip}  "


def _plain(text: str) -> str:
    return text


def _line(
    name: str,
    name_style: "Look",
    cells: "Sequence[str]",
    titles: "Sequence[tuple[str, int]]",
    name_width: int,
    cell_style: "Look" = _plain,
) -> str:
    shown = [name_style(name) + " " * (name_width - len(name))]
    for index, ((_, size), text) in enumerate(zip(titles, cells, strict=False)):
        is_chip = index == len(_TITLES) - 1
        shown.append(text if is_chip else _cell(text, size, cell_style, index))
    return _GAP.join(shown)


def _cell(text: str, width: int, style: "Look", index: int) -> str:
    """The id and the chips stand on the left, numbers on the right."""
    blanks = " " * (width - len(text))
    return style(text) + blanks if index in (0, len(_TITLES) - 1) else blanks + style(text)
