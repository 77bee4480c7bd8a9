"""The syntax tree of a template. ``str()`` of a node is its source form, as errors quote it.

Positions are offsets of characters in the template's text.
"""


class Node:
    """Base of all nodes."""

    __slots__ = ("pos",)

    def __init__(self, pos: int) -> None:
        self.pos = pos


class Literal(Node):
    """A number, string, character, boolean; text is how it was written."""

    __slots__ = ("text", "value")

    def __init__(self, pos: int, text: str, value: object) -> None:
        super().__init__(pos)
        self.text = text
        self.value = value

    def __str__(self) -> str:
        return self.text


class NilNode(Node):
    """The word ``nil``."""

    def __str__(self) -> str:
        return "nil"


class Dot(Node):
    """The cursor."""

    def __str__(self) -> str:
        return "."


class Identifier(Node):
    """The name of a function."""

    __slots__ = ("name",)

    def __init__(self, pos: int, name: str) -> None:
        super().__init__(pos)
        self.name = name

    def __str__(self) -> str:
        return self.name


class Field(Node):
    """``.A.B``: fields of the cursor."""

    __slots__ = ("names",)

    def __init__(self, pos: int, names: list[str]) -> None:
        super().__init__(pos)
        self.names = names

    def __str__(self) -> str:
        return "".join(f".{name}" for name in self.names)


class Variable(Node):
    """``$x.A.B``; the name includes the dollar sign."""

    __slots__ = ("name", "names")

    def __init__(self, pos: int, name: str, names: list[str]) -> None:
        super().__init__(pos)
        self.name = name
        self.names = names

    def __str__(self) -> str:
        return ".".join([self.name, *self.names])


class Chain(Node):
    """``(pipeline).A.B``."""

    __slots__ = ("base", "names")

    def __init__(self, pos: int, base: Node, names: list[str]) -> None:
        super().__init__(pos)
        self.base = base
        self.names = names

    def __str__(self) -> str:
        base = f"({self.base})" if isinstance(self.base, Pipe) else str(self.base)
        return ".".join([base, *self.names])


class Command(Node):
    """An operand with its arguments."""

    __slots__ = ("args",)

    def __init__(self, pos: int, args: list[Node]) -> None:
        super().__init__(pos)
        self.args = args

    def __str__(self) -> str:
        return " ".join(f"({arg})" if isinstance(arg, Pipe) else str(arg) for arg in self.args)


class Pipe(Node):
    """Commands joined by ``|``, whose result may be bound to variables."""

    __slots__ = ("assigns", "commands", "variables")

    def __init__(self, pos: int) -> None:
        super().__init__(pos)
        self.assigns = False
        self.variables: list[str] = []
        self.commands: list[Command] = []

    def __str__(self) -> str:
        binding = ", ".join(self.variables)
        if binding:
            binding += " = " if self.assigns else " := "
        return binding + " | ".join(str(command) for command in self.commands)


class Text(Node):
    """Text between actions."""

    __slots__ = ("text",)

    def __init__(self, pos: int, text: str) -> None:
        super().__init__(pos)
        self.text = text


class Action(Node):
    """A pipeline whose value is printed."""

    __slots__ = ("pipe",)

    def __init__(self, pos: int, pipe: Pipe) -> None:
        super().__init__(pos)
        self.pipe = pipe

    def __str__(self) -> str:
        return "{{%s}}" % self.pipe  # noqa: UP031 (an f-string would need eight braces)


class Branch(Node):
    """``if``, ``with`` or ``range`` (kind) with its two bodies."""

    __slots__ = ("body", "kind", "orelse", "pipe")

    def __init__(
        self, pos: int, kind: str, pipe: Pipe, body: list[Node], orelse: list[Node]
    ) -> None:
        super().__init__(pos)
        self.kind = kind
        self.pipe = pipe
        self.body = body
        self.orelse = orelse


class Invoke(Node):
    """``{{template "name" pipeline}}``."""

    __slots__ = ("name", "pipe")

    def __init__(self, pos: int, name: str, pipe: Pipe | None) -> None:
        super().__init__(pos)
        self.name = name
        self.pipe = pipe

    def __str__(self) -> str:
        tail = f" {self.pipe}" if self.pipe else ""
        return '{{template "%s"%s}}' % (self.name, tail)  # noqa: UP031 (as above)


class Jump(Node):
    """``break`` or ``continue`` (kind)."""

    __slots__ = ("kind",)

    def __init__(self, pos: int, kind: str) -> None:
        super().__init__(pos)
        self.kind = kind
