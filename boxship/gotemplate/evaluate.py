"""Running a parsed template over data, as Go's text/template does."""

from collections.abc import Mapping

from boxship.gotemplate import nodes
from boxship.gotemplate.format import format_value
from boxship.gotemplate.functions import Signature
from boxship.gotemplate.parser import Trees
from boxship.gotemplate.values import (
    MISSING,
    FunctionError,
    Map,
    Nil,
    TemplateError,
    is_nil,
    is_true,
    sorted_items,
    type_name,
)

MAX_DEPTH = 100
"""Templates that call each other deeper than this are taken for an endless recursion."""

_ABSENT = object()  # no value comes down the pipeline


class _BreakLoop(Exception):  # noqa: N818 (control flow, not an error)
    pass


class _ContinueLoop(Exception):  # noqa: N818 (control flow, not an error)
    pass


class Evaluation:
    """One run: output, variables, and where in the text we are."""

    def __init__(
        self, text: str, trees: Trees, functions: Mapping[str, Signature], strict: bool
    ) -> None:
        self.text = text
        self.trees = trees
        self.functions = functions
        self.strict = strict
        self.output: list[str] = []
        self.variables: list[tuple[str, object]] = []
        self.name = ""
        self.depth = 0

    def run(self, name: str, data: object) -> None:
        """Execute the template of that name."""
        outer = self.variables, self.name
        self.variables, self.name = [("$", data)], name
        self.walk_all(data, self.trees.get(name, []))
        self.variables, self.name = outer

    def fail(self, node: nodes.Node, message: str) -> TemplateError:
        before = self.text[: node.pos]
        line = 1 + before.count("\n")
        column = len(before[before.rfind("\n") + 1 :].encode())
        where = f'template: :{line}:{column}: executing "{self.name}" at <{node}>'
        return TemplateError(f"template parsing error: {where}: {message}")

    # --- statements ---

    def walk_all(self, dot: object, body: list[nodes.Node]) -> None:
        for node in body:
            self.walk(dot, node)

    def walk(self, dot: object, node: nodes.Node) -> None:
        if isinstance(node, nodes.Text):
            self.output.append(node.text)
        elif isinstance(node, nodes.Action):
            value = self.pipeline(dot, node.pipe)
            if not node.pipe.variables:
                self.print(node, value)
        elif isinstance(node, nodes.Branch):
            scope = len(self.variables)
            self.branch(dot, node)
            del self.variables[scope:]
        elif isinstance(node, nodes.Invoke):
            self.invoke(dot, node)
        elif isinstance(node, nodes.Jump):
            raise _BreakLoop if node.kind == "break" else _ContinueLoop

    def print(self, node: nodes.Node, value: object) -> None:
        if callable(value):
            raise self.fail(node, f"can't print {node} of type {type_name(value)}")
        self.output.append(format_value(MISSING if value is None else value))

    def branch(self, dot: object, node: nodes.Branch) -> None:
        value = self.pipeline(dot, node.pipe)
        if node.kind == "range":
            self.loop(dot, node, value)
        elif is_true(value):
            self.walk_all(value if node.kind == "with" else dot, node.body)
        else:
            self.walk_all(dot, node.orelse)

    def loop(self, dot: object, node: nodes.Branch, value: object) -> None:
        items = self.iterate(node, value)
        if not items:
            self.walk_all(dot, node.orelse)
        scope = len(self.variables)
        names = node.pipe.variables
        try:
            for key, item in items:
                bound = (item,) if len(names) == 1 else (key, item)
                for offset, (name, part) in enumerate(zip(names, bound, strict=False)):
                    self.variables[scope - len(names) + offset] = (name, part)
                try:
                    self.walk_all(item, node.body)
                except _ContinueLoop:
                    pass
                del self.variables[scope:]
        except _BreakLoop:
            pass

    def iterate(self, node: nodes.Branch, value: object) -> list[tuple[object, object]]:
        if is_nil(value):
            return []
        if isinstance(value, int) and not isinstance(value, bool):
            return [(number, number) for number in range(value)]
        if isinstance(value, list | tuple):
            return list(enumerate(value))
        if isinstance(value, Mapping):
            return list(sorted_items(value))
        raise self.fail(node.pipe, f"range can't iterate over {format_value(value)}")

    def invoke(self, dot: object, node: nodes.Invoke) -> None:
        if node.name not in self.trees:
            raise self.fail(node, f'template "{node.name}" not defined')
        if self.depth >= MAX_DEPTH:
            raise self.fail(node, f"exceeded maximum template depth ({MAX_DEPTH})")
        value = self.pipeline(dot, node.pipe) if node.pipe else MISSING
        self.depth += 1
        self.run(node.name, value)
        self.depth -= 1

    # --- expressions ---

    def pipeline(self, dot: object, pipe: nodes.Pipe) -> object:
        value: object = _ABSENT
        for command in pipe.commands:
            value = self.command(dot, command, value)
        for name in pipe.variables:
            if pipe.assigns:
                self.assign(name, value)
            else:
                self.variables.append((name, value))
        return value

    def assign(self, name: str, value: object) -> None:
        for index in range(len(self.variables) - 1, -1, -1):
            if self.variables[index][0] == name:
                self.variables[index] = (name, value)
                return

    def command(self, dot: object, command: nodes.Command, final: object) -> object:
        first, rest = command.args[0], command.args[1:]
        if isinstance(first, nodes.Field | nodes.Chain | nodes.Variable):
            return self.fields(dot, first, rest, final)
        if isinstance(first, nodes.Identifier):
            return self.function(dot, first, rest, final)
        if rest or final is not _ABSENT:
            raise self.fail(first, f"can't give argument to non-function {first}")
        if isinstance(first, nodes.NilNode):
            raise self.fail(first, "nil is not a command")
        return self.operand(dot, first)

    def operand(self, dot: object, node: nodes.Node) -> object:
        """The value of a node that stands alone, as an argument or a first command."""
        if isinstance(node, nodes.Literal):
            return node.value
        if isinstance(node, nodes.Dot):
            return dot
        if isinstance(node, nodes.Pipe):
            return self.pipeline(dot, node)
        if isinstance(node, nodes.Identifier):
            return self.function(dot, node, [], _ABSENT)
        if isinstance(node, nodes.Field | nodes.Chain | nodes.Variable):
            return self.fields(dot, node, [], _ABSENT)
        return None

    def fields(
        self,
        dot: object,
        node: nodes.Field | nodes.Chain | nodes.Variable,
        args: list[nodes.Node],
        final: object,
    ) -> object:
        if isinstance(node, nodes.Variable):
            value = next(held for name, held in reversed(self.variables) if name == node.name)
            if not node.names and (args or final is not _ABSENT):
                raise self.fail(node, f"can't give argument to non-function {node}")
        else:
            value = self.operand(dot, node.base) if isinstance(node, nodes.Chain) else dot
        for index, name in enumerate(node.names):
            last = index == len(node.names) - 1
            found = self.field(node, value, name)
            given = self.arguments(dot, args, final) if last else []
            if callable(found):
                found = self.method(node, name, found, given)
            elif given:
                raise self.fail(node, f"{name} is not a method but has arguments")
            value = found
        return value

    def field(self, node: nodes.Node, receiver: object, name: str) -> object:
        if receiver is MISSING:
            if self.strict:
                raise self.fail(node, f'nil data; no entry for key "{name}"')
            return MISSING
        if is_nil(receiver):
            kind = "interface {}" if receiver is None else type_name(receiver)
            raise self.fail(node, f"nil pointer evaluating {kind}.{name}")
        if not isinstance(receiver, Mapping):
            raise self.fail(node, f"can't evaluate field {name} in type {type_name(receiver)}")
        if name in receiver:
            return receiver[name]
        if isinstance(receiver, Map) or not self.strict:
            return MISSING
        if isinstance(getattr(receiver, "go_type", None), str):
            raise self.fail(node, f"can't evaluate field {name} in type {type_name(receiver)}")
        raise self.fail(node, f'map has no entry for key "{name}"')

    def arguments(self, dot: object, args: list[nodes.Node], final: object) -> list[object]:
        values = [self.operand(dot, arg) for arg in args]
        return values if final is _ABSENT else [*values, final]

    def method(self, node: nodes.Node, name: str, found: object, args: list[object]) -> object:
        from inspect import signature  # costs 10 ms, and few templates call a method

        assert callable(found)
        wanted = len(signature(found).parameters)
        if wanted != len(args):
            complaint = f"wrong number of args for {name}: want {wanted} got {len(args)}"
            raise self.fail(node, complaint)
        return found(*args)

    def function(
        self, dot: object, node: nodes.Identifier, args: list[nodes.Node], final: object
    ) -> object:
        name = node.name
        function = self.functions[name]
        given = len(args) + (final is not _ABSENT)
        fixed = len(function.types) - function.variadic
        if given < fixed or (given > fixed and not function.variadic):
            least = "at least " if function.variadic else ""
            raise self.fail(
                node, f"wrong number of args for {name}: want {least}{fixed} got {given}"
            )
        if name in ("and", "or"):
            return self.short_circuit(dot, name, args, final)
        last = len(function.types) - 1
        values = [
            self.argument(dot, function.types[min(index, last)], arg)
            for index, arg in enumerate(args)
        ]
        if final is not _ABSENT:
            values.append(self.checked(node, function.types[min(len(args), last)], final))
        try:
            return function.call(*values)
        except FunctionError as error:
            raise self.fail(node, f"error calling {name}: {error}") from None

    def short_circuit(
        self, dot: object, name: str, args: list[nodes.Node], final: object
    ) -> object:
        value: object = MISSING
        for arg in args:
            value = self.operand(dot, arg)
            if is_true(value) == (name == "or"):
                return value
        return value if final is _ABSENT else final

    def argument(self, dot: object, wanted: str, node: nodes.Node) -> object:
        """Evaluate an argument; a literal of the wrong type is refused by its spelling."""
        if isinstance(node, nodes.Literal) and not _fits(node.value, wanted):
            names = {"int": "integer", "string": "string"}
            if wanted in names:
                raise self.fail(node, f"expected {names[wanted]}; found {node}")
            raise self.fail(node, f"can't handle {node} for arg of type {wanted}")
        if isinstance(node, nodes.NilNode) and wanted in ("int", "string"):
            raise self.fail(node, f"cannot assign nil to {wanted}")
        return self.checked(node, wanted, self.operand(dot, node))

    def checked(self, node: nodes.Node, wanted: str, value: object) -> object:
        if _fits(value, wanted):
            return [] if wanted == "[]string" and is_nil(value) else value
        if is_nil(value) and not isinstance(value, Nil):
            raise self.fail(node, f"invalid value; expected {wanted}")
        complaint = f"wrong type for value; expected {wanted}; got {type_name(value)}"
        raise self.fail(node, complaint)


def _fits(value: object, wanted: str) -> bool:
    if wanted == "string":
        return isinstance(value, str)
    if wanted == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if wanted == "[]string":
        strings = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
        return strings or is_nil(value)
    return True
