"""Go's fmt.Sprintf: verbs, flags, width, precision, explicit indexes and its error marks."""

from boxship.gotemplate.format import format_float, format_go_syntax, format_value, quote
from boxship.gotemplate.values import type_name

_INTEGER_VERBS = frozenset("bcdoOqxXU")
_FLOAT_VERBS = frozenset("beEfFgG")


class _Spec:
    """One directive of the format: ``%[index]flags width . precision verb``."""

    def __init__(self) -> None:
        self.flags = ""
        self.width: int | None = None
        self.precision: int | None = None
        self.error = ""


def sprintf(template: str, args: list[object]) -> str:
    """Format args; wrong verbs and counts leave Go's marks (``%!d(string=x)``) in the text."""
    return _Formatter(template, args).run()


class _Formatter:
    def __init__(self, template: str, args: list[object]) -> None:
        self.template = template
        self.args = args
        self.pos = 0
        self.next_arg = 0
        self.reordered = False
        self.bad_index = False

    def run(self) -> str:
        parts: list[str] = []
        while True:
            percent = self.template.find("%", self.pos)
            if percent < 0:
                parts.append(self.template[self.pos :])
                break
            parts.append(self.template[self.pos : percent])
            self.pos = percent + 1
            parts.append(self.directive())
        return "".join(parts) + self.extra()

    def extra(self) -> str:
        left = self.args[self.next_arg :]
        if self.reordered or not left:
            return ""
        return f"%!(EXTRA {', '.join(_typed(arg) for arg in left)})"

    def directive(self) -> str:
        spec = _Spec()
        self.bad_index = False
        self.flags(spec)
        self.arg_index()
        spec.width = self.number(spec, "%!(BADWIDTH)")
        if spec.width is not None and spec.width < 0:
            spec.flags, spec.width = spec.flags + "-", -spec.width
        if self.peek() == ".":
            self.pos += 1
            self.arg_index()
            spec.precision = self.number(spec, "%!(BADPREC)") or 0
        self.arg_index()
        verb = self.peek()
        self.pos += 1
        return spec.error + self.verb(verb, spec)

    def verb(self, verb: str, spec: _Spec) -> str:
        if not verb:
            return "%!(NOVERB)"
        if verb == "%":
            return "%"
        if self.bad_index:
            return f"%!{verb}(BADINDEX)"
        if self.next_arg >= len(self.args):
            return f"%!{verb}(MISSING)"
        value = self.args[self.next_arg]
        self.next_arg += 1
        return _format(value, verb, spec)

    def peek(self) -> str:
        return self.template[self.pos : self.pos + 1]

    def flags(self, spec: _Spec) -> None:
        while self.peek() and self.peek() in "+-# 0":
            spec.flags += self.peek()
            self.pos += 1

    def arg_index(self) -> None:
        """``[n]``: go on with argument n, counted from 1."""
        if self.peek() != "[":
            return
        self.reordered = True
        close = self.template.find("]", self.pos)
        text = self.template[self.pos + 1 : close] if close > 0 else ""
        self.pos = close + 1 if close > 0 else self.pos + 1
        if text.isdigit() and 0 < int(text) <= len(self.args):
            self.next_arg = int(text) - 1
        else:
            self.bad_index = True

    def number(self, spec: _Spec, complaint: str) -> int | None:
        """Digits or ``*`` for width and precision."""
        if self.peek() != "*":
            begin = self.pos
            while self.peek().isdigit():
                self.pos += 1
            return int(self.template[begin : self.pos]) if self.pos > begin else None
        self.pos += 1
        value = self.args[self.next_arg] if self.next_arg < len(self.args) else None
        self.next_arg += 1
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        spec.error += complaint
        return None


def _typed(value: object) -> str:
    text = format_value(value)
    return text if value is None else f"{type_name(value)}={text}"


def _format(value: object, verb: str, spec: _Spec) -> str:
    if verb == "T":
        return _pad(type_name(value), spec)
    if verb == "v":
        return _format_default(value, spec)
    if isinstance(value, list | tuple) and verb not in "sT":
        return "[" + " ".join(_format(item, verb, spec) for item in value) + "]"
    if isinstance(value, list | tuple):
        return _format_default(value, spec)
    text = _format_scalar(value, verb, spec)
    if text is None:
        return f"%!{verb}({_typed(value)})"
    return text


def _format_default(value: object, spec: _Spec) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool) and "#" not in spec.flags:
        verb = "d" if isinstance(value, int) else "g"
        return _format_scalar(value, verb, spec) or ""
    text = format_go_syntax(value) if "#" in spec.flags else format_value(value, "+" in spec.flags)
    return _pad(text[: spec.precision] if isinstance(value, str) else text, spec)


def _format_scalar(value: object, verb: str, spec: _Spec) -> str | None:
    """The text for a verb that fits the value's type, else None."""
    if isinstance(value, bool):
        return _pad(format_value(value), spec) if verb == "t" else None
    if isinstance(value, str) and verb in "sqxX":
        return _pad(_format_string(value, verb, spec), spec)
    if isinstance(value, int) and verb in _INTEGER_VERBS:
        return _format_int(value, verb, spec)
    if isinstance(value, float) and verb in _FLOAT_VERBS:
        return _pad_number(_format_float(value, verb, spec), spec)
    return None


def _format_string(value: str, verb: str, spec: _Spec) -> str:
    text = value if spec.precision is None else value[: spec.precision]
    if verb == "s":
        return text
    if verb == "q":
        raw = "#" in spec.flags and "`" not in text
        return f"`{text}`" if raw else quote(text)
    digits = text.encode().hex(" " if " " in spec.flags else "\0").replace("\0", "")
    return digits if verb == "x" else digits.upper()


def _format_int(value: int, verb: str, spec: _Spec) -> str:
    if verb in "cqU":
        valid = value if 0 <= value <= 0x10FFFF else 0xFFFD
        texts = {"c": chr(valid), "q": quote(chr(valid), "'"), "U": f"U+{value:04X}"}
        return _pad(texts[verb], spec)
    kinds = {"b": "b", "d": "d", "o": "o", "O": "o", "x": "x", "X": "X"}
    prefixes = {"b": "0b", "o": "0", "x": "0x", "X": "0X"}
    prefix = "0o" if verb == "O" else prefixes.get(verb, "") if "#" in spec.flags else ""
    digits = format(abs(value), kinds[verb])
    if spec.precision is not None:
        digits = digits.rjust(spec.precision, "0")
    text = ("-" if value < 0 else "") + prefix + digits
    return _pad_number(text, spec) if spec.precision is None else _pad(_signed(text, spec), spec)


def _format_float(value: float, verb: str, spec: _Spec) -> str:
    if verb in "gG" and spec.precision is None:
        text = format_float(value)
    else:
        precision = 6 if spec.precision is None else spec.precision
        text = format(value, f".{precision}{'e' if verb == 'b' else verb}")
    return text.upper() if verb in "EG" else text


def _signed(text: str, spec: _Spec) -> str:
    if text.startswith(("-", "+")):
        return text
    return ("+" if "+" in spec.flags else " " if " " in spec.flags else "") + text


def _pad_number(text: str, spec: _Spec) -> str:
    """Sign, then zeros where the flag asks for them, else spaces."""
    signed = _signed(text, spec)
    if "0" in spec.flags and "-" not in spec.flags and spec.width is not None:
        sign = signed[: 1 if signed[:1] in "+- " else 0]
        return sign + signed[len(sign) :].rjust(spec.width - len(sign), "0")
    return _pad(signed, spec)


def _pad(text: str, spec: _Spec) -> str:
    width = spec.width or 0
    return text.ljust(width) if "-" in spec.flags else text.rjust(width)
