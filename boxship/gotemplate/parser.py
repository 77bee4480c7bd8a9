"""Tokens to syntax trees (the grammar of Go's text/template, errors in Go's words)."""

from collections.abc import Container

from boxship.gotemplate import nodes
from boxship.gotemplate.lexer import Token, tokenize
from boxship.gotemplate.literals import parse_char, parse_number, unquote
from boxship.gotemplate.values import TemplateError

_OPERANDS = frozenset(
    {
        "bool",
        "charconst",
        "dot",
        "field",
        "ident",
        "lparen",
        "nil",
        "number",
        "raw",
        "string",
        "variable",
    }
)
Trees = dict[str, list[nodes.Node]]


def parse(text: str, functions: Container[str]) -> Trees:
    """Return the bodies of all templates in text by name; the text itself is named ``""``.

    functions: the known names. Raises TemplateError.
    """
    return _Parser(text, functions).parse()


class _Parser:
    def __init__(self, text: str, functions: Container[str]) -> None:
        self.text = text
        self.functions = functions
        self.tokens = tokenize(text)
        self.index = 0
        self.variables = ["$"]
        self.loops = 0
        self.trees: Trees = {}

    # --- tokens ---

    def next(self) -> Token:
        token = self.tokens[self.index]
        self.index = min(self.index + 1, len(self.tokens) - 1)
        return token

    def peek(self) -> Token:
        return self.tokens[self.index]

    def peek_non_space(self) -> Token:
        while self.peek().kind == "space":
            self.index += 1
        return self.peek()

    def next_non_space(self) -> Token:
        self.peek_non_space()
        return self.next()

    def fail(self, message: str) -> TemplateError:
        line = 1 + self.text.count("\n", 0, self.tokens[max(self.index - 1, 0)].pos)
        return TemplateError(f"template parsing error: template: :{line}: {message}")

    def unexpected(self, token: Token, context: str) -> TemplateError:
        if token.kind == "error":
            return self.fail(token.text)
        return self.fail(f"unexpected {token} in {context}")

    def expect(self, kind: str, context: str) -> Token:
        token = self.next_non_space()
        if token.kind != kind:
            raise self.unexpected(token, context)
        return token

    # --- lists and actions ---

    def parse(self) -> Trees:
        body: list[nodes.Node] = []
        while self.peek().kind != "eof":
            node = self.text_or_action()
            if isinstance(node, str):
                raise self.fail(f"unexpected {{{{{node}}}}}")
            if node is not None:
                body.append(node)
        self.add("", body)
        return self.trees

    def add(self, name: str, body: list[nodes.Node]) -> None:
        if not _is_empty(self.trees.get(name)) and not _is_empty(body):
            raise self.fail(f'template: multiple definition of template "{name}"')
        if _is_empty(self.trees.get(name)):
            self.trees[name] = body

    def body(self) -> tuple[list[nodes.Node], str]:
        """Nodes up to ``{{end}}`` or ``{{else}}``, and which of the two it was."""
        found: list[nodes.Node] = []
        while self.peek_non_space().kind != "eof":
            node = self.text_or_action()
            if isinstance(node, str):
                return found, node
            if node is not None:
                found.append(node)
        raise self.fail("unexpected EOF")

    def text_or_action(self) -> nodes.Node | str | None:
        """One node; ``end`` or ``else`` where a body closes; None for a definition."""
        token = self.next_non_space()
        if token.kind == "text":
            return nodes.Text(token.pos, token.text)
        if token.kind == "left":
            return self.action()
        raise self.unexpected(token, "input")

    def action(self) -> nodes.Node | str | None:
        token = self.peek_non_space()
        controls = {
            "block": self.block,
            "break": self.jump,
            "continue": self.jump,
            "define": self.define,
            "else": self.orelse,
            "end": self.end,
            "if": self.branch,
            "range": self.branch,
            "template": self.invoke,
            "with": self.branch,
        }
        control = controls.get(token.kind)
        if control:
            return control(self.next())
        return nodes.Action(token.pos, self.pipeline("command"))

    def end(self, _: Token) -> str:
        self.expect("right", "end")
        return "end"

    def orelse(self, _: Token) -> str:
        """After ``else``: an ``if`` or ``with`` that follows is left for the branch to take."""
        if self.peek_non_space().kind not in ("if", "with"):
            self.expect("right", "else")
        return "else"

    def jump(self, token: Token) -> nodes.Node:
        following = self.next_non_space()
        if following.kind != "right":
            raise self.unexpected(following, f"{{{{{token.kind}}}}}")
        if not self.loops:
            raise self.fail(f"{{{{{token.kind}}}}} outside {{{{range}}}}")
        return nodes.Jump(token.pos, token.kind)

    def branch(self, token: Token) -> nodes.Node:
        scope = len(self.variables)
        pipe = self.pipeline(token.kind)
        self.loops += token.kind == "range"
        body, closing = self.body()
        self.loops -= token.kind == "range"
        orelse: list[nodes.Node] = []
        if closing == "else" and self.peek().kind == token.kind != "range":
            orelse = [self.branch(self.next())]
        elif closing == "else" and self.peek().kind in ("if", "with"):
            raise self.unexpected(self.next(), "input")
        elif closing == "else":
            orelse, closing = self.body()
            if closing != "end":
                raise self.fail(f"expected end; found {{{{{closing}}}}}")
        del self.variables[scope:]
        return nodes.Branch(pipe.pos, token.kind, pipe, body, orelse)

    def define(self, _: Token) -> None:
        name = self.template_name("define clause")
        self.expect("right", "define clause")
        self.subtemplate(name, "define clause")

    def block(self, _: Token) -> nodes.Node:
        pos = self.peek_non_space().pos
        name = self.template_name("block clause")
        pipe = self.pipeline("block clause")
        self.subtemplate(name, "block clause")
        return nodes.Invoke(pos, name, pipe)

    def subtemplate(self, name: str, context: str) -> None:
        outer, self.variables = self.variables, ["$"]
        loops, self.loops = self.loops, 0
        body, closing = self.body()
        if closing != "end":
            raise self.fail(f"unexpected {{{{{closing}}}}} in {context}")
        self.variables, self.loops = outer, loops
        self.add(name, body)

    def invoke(self, _: Token) -> nodes.Node:
        pos = self.peek_non_space().pos
        name = self.template_name("template clause")
        if self.peek_non_space().kind == "right":
            self.next()
            return nodes.Invoke(pos, name, None)
        return nodes.Invoke(pos, name, self.pipeline("template clause"))

    def template_name(self, context: str) -> str:
        token = self.next_non_space()
        if token.kind not in ("string", "raw"):
            raise self.unexpected(token, context)
        return self.unquoted(token)

    def unquoted(self, token: Token) -> str:
        try:
            return unquote(token.text)
        except ValueError:
            raise self.fail("invalid syntax") from None

    # --- pipelines ---

    def pipeline(self, context: str) -> nodes.Pipe:
        """Parse up to the closing delimiter (consumed) or parenthesis (left)."""
        pipe = nodes.Pipe(self.peek_non_space().pos)
        self.declarations(pipe, context)
        while True:
            token = self.next_non_space()
            if token.kind in ("right", "rparen"):
                self.check_pipeline(pipe, context)
                self.index -= token.kind == "rparen"
                return pipe
            if token.kind not in _OPERANDS:
                raise self.unexpected(token, context)
            self.index -= 1
            pipe.commands.append(self.command())

    def declarations(self, pipe: nodes.Pipe, context: str) -> None:
        """``$x :=``, ``$x =``, and for range ``$i, $x :=``."""
        while self.peek_non_space().kind == "variable":
            mark = self.index
            name = self.next().text
            following = self.peek_non_space()
            if following.kind not in ("declare", "assign") and following.text != ",":
                self.index = mark
                return
            self.next()
            pipe.variables.append(name)
            self.variables.append(name)
            if following.text != ",":
                pipe.assigns = following.kind == "assign"
                return
            if context != "range" or len(pipe.variables) > 1:
                raise self.fail(f"too many declarations in {context}")
            if self.peek_non_space().kind not in ("variable", "right", "rparen"):
                raise self.fail("range can only initialize variables")

    def check_pipeline(self, pipe: nodes.Pipe, context: str) -> None:
        if not pipe.commands:
            raise self.fail(f"missing value for {context}")
        for stage, command in enumerate(pipe.commands[1:], 2):
            if isinstance(command.args[0], nodes.Literal | nodes.Dot | nodes.NilNode):
                raise self.fail(f"non executable command in pipeline stage {stage}")

    def command(self) -> nodes.Command:
        command = nodes.Command(self.peek_non_space().pos, [])
        while True:
            self.peek_non_space()
            operand = self.operand()
            if operand is not None:
                command.args.append(operand)
            token = self.next()
            if token.kind == "space":
                continue
            if token.kind in ("right", "rparen"):
                self.index -= 1
            elif token.kind != "pipe":
                raise self.unexpected(token, "operand")
            break
        if not command.args:
            raise self.fail("empty command")
        if token.kind == "pipe" and self.peek_non_space().kind not in _OPERANDS:
            self.require_stage()
        return command

    def require_stage(self) -> None:
        """A ``|`` must be followed by another command."""
        token = self.next_non_space()
        if token.kind in ("right", "rparen"):
            raise self.fail("missing value for command")
        raise self.unexpected(token, "command")

    def operand(self) -> nodes.Node | None:
        term = self.term()
        if term is None or self.peek().kind != "field":
            return term
        pos = self.peek().pos
        names = []
        while self.peek().kind == "field":
            names.append(self.next().text[1:])
        if isinstance(term, nodes.Field):
            return nodes.Field(pos, term.names + names)
        if isinstance(term, nodes.Variable):
            return nodes.Variable(pos, term.name, term.names + names)
        if isinstance(term, nodes.Literal | nodes.Dot | nodes.NilNode):
            raise self.fail(f'unexpected . after term "{term}"')
        return nodes.Chain(pos, term, names)

    def term(self) -> nodes.Node | None:
        token = self.peek_non_space()
        if token.kind not in _OPERANDS:
            return None
        self.next()
        if token.kind == "lparen":
            pipe = self.pipeline("parenthesized pipeline")
            self.expect("rparen", "parenthesized pipeline")
            return pipe
        return self.simple_term(token)

    def simple_term(self, token: Token) -> nodes.Node:
        if token.kind == "ident":
            if token.text not in self.functions:
                raise self.fail(f'function "{token.text}" not defined')
            return nodes.Identifier(token.pos, token.text)
        if token.kind == "field":
            return nodes.Field(token.pos, [token.text[1:]])
        if token.kind == "variable":
            if token.text not in self.variables:
                raise self.fail(f'undefined variable "{token.text}"')
            return nodes.Variable(token.pos, token.text, [])
        if token.kind == "dot":
            return nodes.Dot(token.pos)
        if token.kind == "nil":
            return nodes.NilNode(token.pos)
        return nodes.Literal(token.pos, token.text, self.literal(token))

    def literal(self, token: Token) -> object:
        if token.kind == "bool":
            return token.text == "true"
        if token.kind in ("string", "raw"):
            return self.unquoted(token)
        try:
            return parse_char(token.text) if token.kind == "charconst" else parse_number(token.text)
        except ValueError as error:
            raise self.fail(str(error)) from None


def _is_empty(body: list[nodes.Node] | None) -> bool:
    """Nothing but white space, which a later definition of the same name may replace."""
    return body is None or all(
        isinstance(node, nodes.Text) and not node.text.strip() for node in body
    )
