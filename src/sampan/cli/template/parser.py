"""text/template/parse/parse.go: tokens to nodes."""

from __future__ import annotations

from sampan.cli.template import nodes, verbs
from sampan.cli.template.errors import ParseError
from sampan.cli.template.lexer import Lexer, Token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

_OPERANDS = (
    "bool",
    "character",
    "dot",
    "field",
    "identifier",
    "number",
    "nil",
    "raw",
    "string",
    "variable",
    "(",
)
_PLAIN = (nodes.Constant, nodes.Dot, nodes.Nil)
_KEYWORDS = ("block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with")


class Parser:
    """`templates`: name → body; the main one goes by `name`."""

    def __init__(self, name: str, text: str, functions: Container[str]) -> None:
        self.name = name
        self.text = text
        self.templates: dict[str, list[nodes.Node]] = {}
        self._functions = functions
        self._tokens = Lexer(text).run()
        self._next = 0
        self._variables = ["$"]
        self._loops = 0

    def parse(self) -> dict[str, list[nodes.Node]]:
        body: list[nodes.Node] = []
        while self._peek().kind != "eof":
            if self._peek().kind == "left":
                mark = self._next
                self._take()
                if self._peek_solid().kind == "define":
                    self._take_solid()
                    self._define()
                    continue
                self._next = mark
            node, end = self._text_or_action()
            if end:
                raise self._failure(f"unexpected {{{{{end.partition(' ')[0]}}}}}")
            if node is not None:
                body.append(node)
        if body or self.name not in self.templates:
            self.templates[self.name] = body
        return self.templates

    # Tokens.

    def _peek(self) -> Token:
        return self._tokens[min(self._next, len(self._tokens) - 1)]

    def _take(self) -> Token:
        token = self._peek()
        self._next += 1
        return token

    def _peek_solid(self) -> Token:
        while self._peek().kind == "space":
            self._next += 1
        return self._peek()

    def _take_solid(self) -> Token:
        self._peek_solid()
        return self._take()

    def _expect(self, kind: str, context: str) -> Token:
        token = self._take_solid()
        if token.kind != kind:
            raise self._unexpected(token, context)
        return token

    def _failure(self, message: str) -> ParseError:
        last = self._tokens[min(max(self._next - 1, 0), len(self._tokens) - 1)]
        return ParseError(f"template: {self.name}:{last.line}: {message}")

    def _unexpected(self, token: Token, context: str) -> ParseError:
        if token.kind == "error":
            self._next = len(self._tokens)
            return self._failure(token.text)
        if token.kind == "eof":
            shown = "EOF"
        elif token.kind in _KEYWORDS or token.kind == "dot":
            shown = f"<{token.text}>"
        elif len(token.text) > 10:
            shown = f"{verbs.quote(token.text[:10])}..."
        else:
            shown = verbs.quote(token.text)
        return self._failure(f"unexpected {shown} in {context}")

    # Actions. Each returns (node, ""), or (None, "end" | "else …") where a body ends.

    def _text_or_action(self) -> tuple[nodes.Node | None, str]:
        token = self._take()
        if token.kind == "text":
            return nodes.Text(token.position, token.text), ""
        if token.kind == "left":
            return self._action()
        raise self._unexpected(token, "input")

    def _action(self) -> tuple[nodes.Node | None, str]:  # noqa: PLR0911 (one for each keyword)
        token = self._take_solid()
        kind = token.kind
        if kind in ("if", "with", "range"):
            return self._branch(token.position, kind), ""
        if kind == "else":
            return None, self._else()
        if kind == "end":
            self._expect("right", "end")
            return None, "end"
        if kind in ("break", "continue"):
            return self._jump(token), ""
        if kind == "block":
            return self._block(), ""
        if kind == "template":
            return self._call(), ""
        self._next -= 1
        position = self._peek().position
        return nodes.Action(position, self._pipeline("command", "right")), ""

    def _else(self) -> str:
        follower = self._peek_solid()
        if follower.kind in ("if", "with"):
            return "else " + follower.kind
        self._expect("right", "else")
        return "else"

    def _jump(self, token: Token) -> nodes.Node:
        follower = self._take_solid()
        if follower.kind != "right":
            raise self._unexpected(follower, f"{{{{{token.kind}}}}}")
        if not self._loops:
            raise self._failure(f"{{{{{token.kind}}}}} outside {{{{range}}}}")
        return nodes.Jump(token.position, token.kind)

    def _branch(self, position: int, kind: str) -> nodes.Node:
        mark = len(self._variables)
        branch = nodes.Branch(position, kind, self._pipeline(kind, "right"))
        self._loops += kind == "range"
        branch.body, end = self._items()
        self._loops -= kind == "range"
        if end.startswith("else "):  # {{else if x}}: as {{else}}{{if x}} with one {{end}} for both
            follower = end.removeprefix("else ")
            if follower != kind:
                raise self._failure(f"unexpected <{follower}> in else")
            inner = self._take_solid()
            branch.other = [self._branch(inner.position, kind)]
        elif end == "else":
            branch.other, end = self._items()
            if end != "end":
                raise self._failure("expected end; found {{else}}")
        del self._variables[mark:]
        return branch

    def _items(self) -> tuple[list[nodes.Node], str]:
        items: list[nodes.Node] = []
        while self._peek_solid().kind != "eof":
            node, end = self._text_or_action()
            if end:
                return items, end
            if node is not None:
                items.append(node)
        self._take()
        raise self._failure("unexpected EOF")

    def _define(self) -> None:
        name = self._name("define clause")
        self._expect("right", "define clause")
        self.templates[name] = self._definition()

    def _block(self) -> nodes.Node:
        position = self._peek_solid().position
        name = self._name("block clause")
        pipe = self._pipeline("block clause", "right")
        self.templates.setdefault(name, self._definition())
        return nodes.Call(position, name, pipe)

    def _definition(self) -> list[nodes.Node]:
        """A body of its own: it sees no variable and no loop of what is around it."""
        variables, self._variables = self._variables, ["$"]
        loops, self._loops = self._loops, 0
        body, end = self._items()
        if end != "end":
            raise self._failure("unexpected {{else}} in define clause")
        self._variables, self._loops = variables, loops
        return body

    def _call(self) -> nodes.Node:
        position = self._peek_solid().position
        name = self._name("template clause")
        pipe = None
        if self._take_solid().kind != "right":
            self._next -= 1
            pipe = self._pipeline("template clause", "right")
        return nodes.Call(position, name, pipe)

    def _name(self, context: str) -> str:
        token = self._take_solid()
        if token.kind not in ("string", "raw"):
            raise self._unexpected(token, context)
        return self._unquoted(token)

    def _unquoted(self, token: Token) -> str:
        try:
            return verbs.unquote(token.text)
        except ValueError:
            raise self._failure("invalid syntax") from None

    # Pipelines.

    def _pipeline(self, context: str, end: str) -> nodes.Pipe:
        pipe = nodes.Pipe(self._peek_solid().position)
        self._declarations(pipe, context)
        while True:
            token = self._take_solid()
            if token.kind == end:
                self._check(pipe, context)
                return pipe
            if token.kind not in _OPERANDS:
                raise self._unexpected(token, context)
            self._next -= 1
            pipe.commands.append(self._command())

    def _declarations(self, pipe: nodes.Pipe, context: str) -> None:
        while self._peek_solid().kind == "variable":
            mark = self._next
            variable = self._take()
            follower = self._peek_solid()
            if follower.kind in ("declare", "assign"):
                pipe.assigns = follower.kind == "assign"
                self._take()
                self._declare(pipe, variable)
                return
            if follower.kind != "char" or follower.text != ",":
                self._next = mark
                return
            self._take()
            self._declare(pipe, variable)
            if context != "range" or len(pipe.names) > 1:
                raise self._failure(f"too many declarations in {context}")
            if self._peek_solid().kind not in ("variable", "right", ")"):
                raise self._failure("range can only initialize variables")

    def _declare(self, pipe: nodes.Pipe, token: Token) -> None:
        pipe.names.append(token.text)
        self._variables.append(token.text)

    def _check(self, pipe: nodes.Pipe, context: str) -> None:
        if not pipe.commands:
            raise self._failure(f"missing value for {context}")
        for stage, command in enumerate(pipe.commands[1:], 2):
            if isinstance(command.operands[0], _PLAIN):
                raise self._failure(f"non executable command in pipeline stage {stage}")

    def _command(self) -> nodes.Command:
        command = nodes.Command(self._peek_solid().position)
        while True:
            self._peek_solid()
            operand = self._operand()
            if operand is not None:
                command.operands.append(operand)
            token = self._take()
            if token.kind == "space":
                continue
            if token.kind in ("right", ")"):
                self._next -= 1
            elif token.kind != "pipe":
                raise self._unexpected(token, "operand")
            break
        if not command.operands:
            raise self._failure("empty command")
        return command

    def _operand(self) -> nodes.Node | None:
        node = self._term()
        if node is None or self._peek().kind != "field":
            return node
        position = self._peek().position
        names = []
        while self._peek().kind == "field":
            names.append(self._take().text[1:])
        if isinstance(node, nodes.Field):
            return nodes.Field(position, node.names + names)
        if isinstance(node, nodes.Variable):
            return nodes.Variable(position, node.names + names)
        if isinstance(node, _PLAIN):
            raise self._failure(f"unexpected . after term {verbs.quote(str(node))}")
        return nodes.Chain(position, node, names)

    def _term(self) -> nodes.Node | None:  # noqa: PLR0911 (one for each kind of token)
        token = self._take_solid()
        position, text = token.position, token.text
        match token.kind:
            case "identifier":
                if text not in self._functions:
                    raise self._failure(f"function {verbs.quote(text)} not defined")
                return nodes.Identifier(position, text)
            case "dot":
                return nodes.Dot(position)
            case "nil":
                return nodes.Nil(position)
            case "variable":
                if text not in self._variables:
                    raise self._failure(f"undefined variable {verbs.quote(text)}")
                return nodes.Variable(position, [text])
            case "field":
                return nodes.Field(position, [text[1:]])
            case "bool":
                return nodes.Constant(position, text, text == "true")
            case "number":
                return nodes.Constant(position, text, self._number(text))
            case "character":
                return nodes.Constant(position, text, self._character(token))
            case "string" | "raw":
                return nodes.Constant(position, text, self._unquoted(token))
            case "(":
                return self._pipeline("parenthesized pipeline", ")")
        self._next -= 1
        return None

    def _number(self, text: str) -> int | float:
        try:
            digits = text.lstrip("+-")
            octal = len(digits) > 1 and digits[0] == "0" and digits.isdigit()
            return int(text, 8 if octal else 0)
        except ValueError:
            pass
        try:
            value = float.fromhex(text) if "x" in text.lower() else float(text)
        except ValueError:
            raise self._failure(f"illegal number syntax: {verbs.quote(text)}") from None
        return value

    def _character(self, token: Token) -> int:
        text = self._unquoted(token)
        if not text:
            raise self._failure("invalid syntax")
        if len(text) != 1:
            raise self._failure(f"malformed character constant: {token.text}")
        return ord(text)
