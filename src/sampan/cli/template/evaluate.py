"""text/template/exec.go: a parsed template on a value."""

from __future__ import annotations

from sampan.cli.template import functions, nodes, verbs
from sampan.cli.template.errors import CallError, ExecutionError, ParseError
from sampan.cli.template.parser import Parser
from sampan.cli.template.values import NIL, Methods, Struct, is_list, omitted, truth, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

_TOO_DEEP = "nested too deeply"
_DEPTH = 500  # of templates that call templates; Go stops at 100,000, Python's stack long before
_ABSENT: Any = object()


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class Template:
    """A template, parsed. Raises ParseError."""

    def __init__(
        self, text: str, name: str = "", available: Mapping[str, functions.Function] = functions.ALL
    ) -> None:
        self.name = name
        self.text = text
        self.functions = available
        try:
            self.bodies = Parser(name, text, available).parse()
        except RecursionError:
            raise ParseError(f"template: {name}:1: {_TOO_DEEP}") from None

    def execute(self, value: Any, *, strict: bool = False) -> str:
        """The text for `value`. `strict`: a key that is not there is an error (option missingkey=error).

        Raises ExecutionError, whose `partial` is what Go would have written by then.
        """
        state = _State(self, self.name, value, strict=strict)
        try:
            state.walk_all(value, self.bodies[self.name])
        except ExecutionError as error:
            error.partial = "".join(state.output)
            raise
        except RecursionError:
            raise ExecutionError(f"template: {self.name}:1: {_TOO_DEEP}") from None
        return "".join(state.output)


class _State:
    def __init__(self, template: Template, name: str, value: Any, *, strict: bool, depth: int = 0) -> None:
        self.output: list[str] = []
        self._template = template
        self._name = name
        self._strict = strict
        self._depth = depth
        self._variables: list[tuple[str, Any]] = [("$", value)]
        self._node: nodes.Node = nodes.Node(0)

    def _failure(self, message: str) -> ExecutionError:
        text = self._template.text[: self._node.position]
        line = 1 + text.count("\n")
        column = len(text[text.rfind("\n") + 1 :].encode("utf-8", "surrogateescape"))
        place = f"{self._template.name}:{line}:{column}"
        return ExecutionError(
            f"template: {place}: executing {verbs.quote(self._name)} at <{self._node}>: {message}"
        )

    # Actions.

    def walk_all(self, dot: Any, items: Sequence[nodes.Node]) -> None:
        for item in items:
            self._walk(dot, item)

    def _walk(self, dot: Any, node: nodes.Node) -> None:
        self._node = node
        if isinstance(node, nodes.Text):
            self.output.append(node.text)
        elif isinstance(node, nodes.Action):
            value = self._pipeline(dot, node.pipe)
            if not node.pipe.names:
                self.output.append(self._printed(node.pipe, value))
        elif isinstance(node, nodes.Branch):
            mark = len(self._variables)
            self._branch(dot, node)
            del self._variables[mark:]
        elif isinstance(node, nodes.Jump):
            raise _Break if node.kind == "break" else _Continue
        elif isinstance(node, nodes.Call):
            self._call_template(dot, node)

    def _printed(self, node: nodes.Node, value: Any) -> str:
        if isinstance(value, Methods):
            self._node = node
            return f"&{{{type_name(value)}}}"
        return "<no value>" if value is None else verbs.shown(value)

    def _branch(self, dot: Any, node: nodes.Branch) -> None:
        value = self._pipeline(dot, node.pipe)
        if node.kind == "range":
            self._range(dot, node, value)
        elif truth(value):
            self.walk_all(value if node.kind == "with" else dot, node.body)
        else:
            self.walk_all(dot, node.other)

    def _range(self, dot: Any, node: nodes.Branch, value: Any) -> None:
        self._node = node
        mark = len(self._variables)
        empty = True
        for key, item in self._items(node, value):
            empty = False
            self._set_range(node.pipe, mark, key, item)
            try:
                self.walk_all(item, node.body)
            except _Continue:
                pass
            except _Break:
                break
            finally:
                del self._variables[mark:]
        if empty:
            self.walk_all(dot, node.other)

    def _set_range(self, pipe: nodes.Pipe, mark: int, key: Any, item: Any) -> None:
        """The last variable is the element, the one before it the index."""
        if not pipe.names:
            return
        values = [item] if len(pipe.names) == 1 else [key, item]
        for name, value in zip(pipe.names, values, strict=True):
            if pipe.assigns:
                self._assign(name, value)
            else:
                # the pipeline has declared them once, with the whole list
                self._variables.append((name, value))

    def _items(self, node: nodes.Branch, value: Any) -> Iterable[tuple[Any, Any]]:
        if value is None or value is NIL:
            return ()
        if is_list(value):
            return enumerate(value)
        if isinstance(value, dict) and not isinstance(value, Struct):
            return [(key, value[key]) for key in sorted(value)]
        if isinstance(value, int) and not isinstance(value, bool):
            return ((number, number) for number in range(value))
        self._node = node.pipe
        raise self._failure(
            f"range can't iterate over {value.go_name if isinstance(value, Methods) else verbs.shown(value)}"
        )

    def _call_template(self, dot: Any, node: nodes.Call) -> None:
        body = self._template.bodies.get(node.name)
        if body is None:
            raise self._failure(f"template {verbs.quote(node.name)} not defined")
        if self._depth == _DEPTH:
            raise self._failure(f"exceeded maximum template depth ({_DEPTH})")
        value = self._pipeline(dot, node.pipe) if node.pipe is not None else None
        state = _State(self._template, node.name, value, strict=self._strict, depth=self._depth + 1)
        state.output = self.output
        state.walk_all(value, body)

    # Pipelines.

    def _pipeline(self, dot: Any, pipe: nodes.Pipe) -> Any:
        self._node = pipe
        value = _ABSENT
        for command in pipe.commands:
            value = self._command(dot, command, value)
        for name in pipe.names:
            if pipe.assigns:
                self._assign(name, value)
            else:
                self._variables.append((name, value))
        return value

    def _assign(self, name: str, value: Any) -> None:
        for index in range(len(self._variables) - 1, -1, -1):
            if self._variables[index][0] == name:
                self._variables[index] = (name, value)
                return
        raise self._failure(f"undefined variable: {name}")

    def _variable(self, name: str) -> Any:
        for found, value in reversed(self._variables):
            if found == name:
                return value
        raise self._failure(f"undefined variable: {name}")

    def _command(self, dot: Any, command: nodes.Command, final: Any) -> Any:
        first, *arguments = command.operands
        if isinstance(first, nodes.Field):
            self._node = first
            return self._fields(dot, dot, first.names, arguments, final)
        if isinstance(first, nodes.Chain):
            return self._chain(dot, first, arguments, final)
        if isinstance(first, nodes.Variable):
            return self._variable_fields(dot, first, arguments, final)
        if isinstance(first, nodes.Identifier):
            return self._function(dot, first, command, arguments, final)
        self._node = first
        if arguments or final is not _ABSENT:
            raise self._failure(f"can't give argument to non-function {first}")
        if isinstance(first, nodes.Pipe):
            return self._pipeline(dot, first)
        if isinstance(first, nodes.Nil):
            raise self._failure("nil is not a command")
        return first.value if isinstance(first, nodes.Constant) else dot

    def _chain(self, dot: Any, chain: nodes.Chain, arguments: Sequence[nodes.Node], final: Any) -> Any:
        self._node = chain
        return self._fields(dot, self._argument(dot, chain.node), chain.names, arguments, final)

    def _variable_fields(
        self, dot: Any, variable: nodes.Variable, arguments: Sequence[nodes.Node], final: Any
    ) -> Any:
        self._node = variable
        value = self._variable(variable.names[0])
        if len(variable.names) > 1:
            return self._fields(dot, value, variable.names[1:], arguments, final)
        if arguments or final is not _ABSENT:
            raise self._failure(f"can't give argument to non-function {variable}")
        return value

    # Fields.

    def _fields(
        self,
        dot: Any,
        value: Any,
        names: Sequence[str],
        arguments: Sequence[nodes.Node],
        final: Any,
    ) -> Any:
        for name in names[:-1]:
            value = self._field(dot, value, name, (), _ABSENT)
        return self._field(dot, value, names[-1], arguments, final)

    def _field(self, dot: Any, value: Any, name: str, arguments: Sequence[nodes.Node], final: Any) -> Any:
        if value is None:
            if self._strict:
                raise self._failure(f"nil data; no entry for key {verbs.quote(name)}")
            return None
        if isinstance(value, Methods):
            return self._method(dot, value, name, arguments, final)
        if value is NIL:
            raise self._failure(f"nil pointer evaluating {type_name(value)}.{name}")
        if isinstance(value, dict):
            if name in value and (arguments or final is not _ABSENT):
                if isinstance(value, Struct):
                    raise self._failure(f"{name} has arguments but cannot be invoked as function")
                raise self._failure(f"{name} is not a method but has arguments")
            return value[name] if name in value else self._missing(value, name)
        raise self._failure(f"can't evaluate field {name} in type {type_name(value)}")

    def _missing(self, value: dict[str, Any], name: str) -> Any:
        if isinstance(value, Struct):
            if value.go_name:
                raise self._failure(f"can't evaluate field {name} in type {value.go_name}")
            try:
                return omitted(name)
            except KeyError:
                pass
        if self._strict:
            raise self._failure(f"map has no entry for key {verbs.quote(name)}")
        return None

    def _method(
        self,
        dot: Any,
        value: Methods,
        name: str,
        arguments: Sequence[nodes.Node],
        final: Any,
    ) -> Any:
        method = value.methods.get(name)
        if method is None:
            raise self._failure(f"can't evaluate field {name} in type {value.go_name}")
        wanted = getattr(method, "wanted", 0)
        count = len(arguments) + (final is not _ABSENT)
        if count != wanted:
            raise self._failure(f"wrong number of args for {name}: want {wanted} got {count}")
        values = [self._argument(dot, argument) for argument in arguments]
        if final is not _ABSENT:
            values.append(final)
        for argument, item in zip(arguments, values, strict=False):
            if not isinstance(item, str):
                raise self._wrong_type(argument, "string", item)
        return method(*values)

    # Functions.

    def _argument(self, dot: Any, node: nodes.Node) -> Any:  # noqa: PLR0911 (one for each kind of node)
        self._node = node
        if isinstance(node, nodes.Dot):
            return dot
        if isinstance(node, nodes.Constant):
            return node.value
        if isinstance(node, nodes.Nil):
            return None
        if isinstance(node, nodes.Field):
            return self._fields(dot, dot, node.names, (), _ABSENT)
        if isinstance(node, nodes.Variable):
            return self._variable_fields(dot, node, (), _ABSENT)
        if isinstance(node, nodes.Pipe):
            return self._pipeline(dot, node)
        if isinstance(node, nodes.Chain):
            return self._chain(dot, node, (), _ABSENT)
        if isinstance(node, nodes.Identifier):
            return self._function(dot, node, node, (), _ABSENT)
        raise self._failure(f"can't handle {node}")

    def _function(
        self,
        dot: Any,
        node: nodes.Identifier,
        command: nodes.Node,
        arguments: Sequence[nodes.Node],
        final: Any,
    ) -> Any:
        self._node = node
        function = self._template.functions[node.name]
        count = len(arguments) + (final is not _ABSENT)
        self._check_count(node.name, function, count)
        if node.name in ("and", "or"):
            return self._short_circuit(dot, node.name, arguments, final)
        values = []
        for index, argument in enumerate(arguments):
            kind = function.kinds[index] if index < len(function.kinds) else "any"
            values.append(self._converted(argument, self._argument(dot, argument), kind))
        if final is not _ABSENT:
            kind = function.kinds[len(arguments)] if len(arguments) < len(function.kinds) else "any"
            self._node = command
            values.append(self._checked(final, kind))
        if node.name == "call" and values[0] is not None:  # JSON holds no functions
            self._node = command
            raise self._failure(
                f"error calling call: non-function {arguments[0]} of type {type_name(values[0])}"
            )
        try:
            return function.call(*values)
        except CallError as error:
            self._node = command
            raise self._failure(f"error calling {node.name}: {error}") from None

    def _check_count(self, name: str, function: functions.Function, count: int) -> None:
        least = len(function.kinds)
        if function.more and count < least:
            raise self._failure(f"wrong number of args for {name}: want at least {least} got {count}")
        if not function.more and count != least:
            raise self._failure(f"wrong number of args for {name}: want {least} got {count}")

    def _short_circuit(self, dot: Any, name: str, arguments: Sequence[nodes.Node], final: Any) -> Any:
        value: Any = None
        for argument in arguments:
            value = self._argument(dot, argument)
            if truth(value) == (name == "or"):
                return value
        return value if final is _ABSENT else final

    def _converted(self, node: nodes.Node, value: Any, kind: str) -> Any:
        """Constants are judged by Go before they are evaluated, and its words differ for them."""
        if kind == "any" or _is(value, kind):
            return value
        raise self._wrong_type(node, kind, value)

    def _wrong_type(self, node: nodes.Node, kind: str, value: Any) -> ExecutionError:
        self._node = node
        if isinstance(node, nodes.Constant):
            if kind == "[]string":
                return self._failure(f"can't handle {node} for arg of type []string")
            return self._failure(f"expected {'integer' if kind == 'int' else kind}; found {node}")
        if isinstance(node, nodes.Nil):
            return self._failure(f"cannot assign nil to {kind}")
        self._checked(value, kind)
        return self._failure(f"wrong type for value; expected {kind}; got {type_name(value)}")

    def _checked(self, value: Any, kind: str) -> Any:
        if kind == "any" or _is(value, kind):
            return value
        if value is None:
            raise self._failure(f"invalid value; expected {kind}")
        raise self._failure(f"wrong type for value; expected {kind}; got {type_name(value)}")


def _is(value: Any, kind: str) -> bool:
    if kind == "string":
        return isinstance(value, str)
    if kind == "[]string":
        return is_list(value) and all(isinstance(item, str) for item in value)
    return isinstance(value, int) and not isinstance(value, bool)
