"""Checking: what each name, call and field in a tree means, what type each part has, and what is wrong.

Every fault is found, not only the first. Upstream: cel-go checker/checker.go, checker/errors.go (the texts).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sampan.machinery.cel.errors import CompileError, Issue
from sampan.machinery.cel.functions import Overload
from sampan.machinery.cel.syntax import (
    Call,
    Comprehension,
    Entry,
    Ident,
    ListLiteral,
    Literal,
    MapLiteral,
    Node,
    Select,
    StructLiteral,
)
from sampan.machinery.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DYN,
    ERROR,
    INT,
    NULL,
    STRING,
    TYPE,
    UINT,
    Type,
    list_of,
    map_of,
    optional_of,
    type_of_type,
)
from sampan.machinery.cel.unify import Mapping as Meanings
from sampan.machinery.cel.unify import assign, assign_all, is_dyn, most_general, substitute
from sampan.machinery.cel.values import TypeValue, UInt

_LITERALS: Mapping[type, Type] = {
    bool: BOOL, int: INT, UInt: UINT, float: DOUBLE, str: STRING, bytes: BYTES, type(None): NULL, TypeValue: TYPE,
}  # fmt: skip


def check(
    source: str,
    tree: Node,
    variables: Mapping[str, Type],
    functions: Mapping[str, Sequence[Overload]],
    named_types: Mapping[str, Type],
) -> Type:
    """Write types and meanings into a tree and give its type; raises CompileError with every fault."""
    checker = _Checker(variables, functions, named_types)
    checker.check(tree)
    if checker.issues:
        raise CompileError(source, checker.issues)
    checker.settle()
    return tree.type


class _Checker:
    def __init__(
        self,
        variables: Mapping[str, Type],
        functions: Mapping[str, Sequence[Overload]],
        named_types: Mapping[str, Type],
    ) -> None:
        self._scopes: list[Mapping[str, Type]] = [variables]
        self._functions = functions
        self._named_types = named_types
        self._meanings: Meanings = {}
        self._fresh = 0
        self._seen: list[Node] = []
        self.issues: list[Issue] = []

    def check(self, node: Node) -> Type:
        found = _CHECKS[type(node)](self, node)
        node.type = found
        self._seen.append(node)
        return found

    def settle(self) -> None:
        """Replace the type parameters that are left."""
        for node in self._seen:
            node.type = substitute(self._meanings, node.type, to_dyn=True)

    def _report(self, node: Node | Entry, message: str) -> Type:
        self.issues.append(Issue(node.offset, message))
        return ERROR

    def _mismatch(self, node: Node, expected: Type, found: Type) -> Type:
        shown = substitute(self._meanings, found, True)
        return self._report(node, f"expected type '{expected}' but found '{shown}'")

    def _undeclared(self, node: Node, name: str) -> Type:
        return self._report(node, f"undeclared reference to '{name}' (in container '')")

    def _variable(self) -> Type:
        self._fresh += 1
        return Type("param", f"_var{self._fresh - 1}")

    # Names and fields

    def _literal(self, node: Literal) -> Type:
        return _LITERALS[type(node.value)]

    def _ident(self, node: Ident) -> Type:
        found = self._lookup(node.name)
        if found is not None:
            node.name = node.name.lstrip(".")
            return found
        named = self._named_types.get(node.name)
        if named is None:
            return self._undeclared(node, node.name)
        node.constant = TypeValue(node.name)
        return type_of_type(named)

    def _lookup(self, name: str) -> Type | None:
        if name.startswith("."):
            return self._scopes[0].get(name[1:])
        for scope in reversed(self._scopes):
            if name in scope:
                return scope[name]
        return None

    def _select(self, node: Select) -> Type:
        name = "" if node.test else _dotted(node)
        if name:
            declared = self._lookup(name)
            if declared is not None:
                node.variable = name
                return declared
            if name in self._named_types:
                node.constant = TypeValue(name)
                return type_of_type(self._named_types[name])
        found = self._field(node, node.operand, node.field, False)
        return BOOL if node.test else substitute(self._meanings, found)

    def _field(self, node: Node, operand: Node, name: str, optional: bool) -> Type:
        whole = substitute(self._meanings, self.check(operand))
        target = whole.parameters[0] if whole.optional else whole
        found = self._field_type(node, target, name)
        return optional_of(found) if optional or whole.optional else found

    def _field_type(self, node: Node, target: Type, name: str) -> Type:
        if target.kind == "map":
            return target.parameters[1]
        if target.kind == "struct":
            field = target.declaration.named(name) if target.declaration else None
            return field.type if field else self._report(node, f"undefined field '{name}'")
        if target.kind == "param":
            assign(self._meanings, DYN, target)
        elif not is_dyn(target):
            self._report(node, f"type '{target}' does not support field selection")
        return DYN

    # Calls

    def _call(self, node: Call) -> Type:
        if node.function == "_?._":
            field = node.arguments[1]
            assert isinstance(field, Literal)
            field.type = STRING
            found = self._field(node, node.arguments[0], field.value, True)
            node.overloads = tuple(self._functions["_?._"])
            return substitute(self._meanings, found)
        for argument in node.arguments:
            self.check(argument)
        if node.target is not None:
            return self._member_call(node, node.target)
        name = node.function.lstrip(".")
        if name not in self._functions:
            return self._undeclared(node, node.function)
        node.function = name
        return self._resolve(node)

    def _member_call(self, node: Call, target: Node) -> Type:
        prefix = _dotted(target)
        if prefix and f"{prefix}.{node.function}" in self._functions:
            node.function, node.target = f"{prefix}.{node.function}".lstrip("."), None
            return self._resolve(node)
        self.check(target)
        if node.function not in self._functions:
            return self._undeclared(node, node.function)
        return self._resolve(node)

    def _resolve(self, node: Call) -> Type:
        if node.function in ("_&&_", "_||_"):
            return self._logical(node)
        types = [operand.type for operand in node.operands]
        member = node.target is not None
        result: Type | None = None
        matching = []
        for overload in self._functions[node.function]:
            if overload.member != member or len(overload.parameters) != len(types):
                continue
            parameters, declared = self._instance(overload)
            if not assign_all(self._meanings, types, parameters):
                continue
            matching.append(overload)
            found = substitute(self._meanings, declared)
            if result is None:
                result = found
            elif not is_dyn(result) and found != result:
                result = DYN
        node.overloads = tuple(matching)
        if result is None:
            return self._no_overload(node, types)
        # A list that is a set or map stays one when more is added to it.
        return types[0] if node.function == "_+_" and result == types[0] else result

    def _instance(self, overload: Overload) -> tuple[Sequence[Type], Type]:
        """An overload's parameters and result with type parameters of their own."""
        if not overload.type_parameters:
            return overload.parameters, overload.result
        fresh: Meanings = {name: self._variable() for name in overload.type_parameters}
        return [substitute(fresh, each) for each in overload.parameters], substitute(fresh, overload.result)

    def _logical(self, node: Call) -> Type:
        node.overloads = tuple(self._functions[node.function])
        for argument in node.arguments:
            if not assign(self._meanings, argument.type, BOOL):
                self._mismatch(argument, BOOL, argument.type)
        return BOOL

    def _no_overload(self, node: Call, types: Sequence[Type]) -> Type:
        shown = [str(substitute(self._meanings, each, True)) for each in types]
        receiver = f"{shown.pop(0)}." if node.target is not None else ""
        applied = f"{receiver}({', '.join(shown)})"
        return self._report(node, f"found no matching overload for '{node.function}' applied to '{applied}'")

    # Literals of lists, maps and objects

    def _list(self, node: ListLiteral) -> Type:
        joined: Type | None = None
        for index, item in enumerate(node.items):
            found = self.check(item)
            if index in node.optional:
                found = self._unwrapped(item, found)
            joined = self._join(joined, found)
        return list_of(joined if joined is not None else self._variable())

    def _unwrapped(self, node: Node, found: Type) -> Type:
        if found.optional:
            return found.parameters[0]
        if not is_dyn(found):
            self._mismatch(node, optional_of(found), found)
        return found

    def _join(self, before: Type | None, found: Type) -> Type:
        if before is None:
            return found
        if assign(self._meanings, before, found):
            return most_general(before, found)
        return DYN  # validators.py refuses it, unless it is an argument of format()

    def _map(self, node: MapLiteral) -> Type:
        keys: Type | None = None
        values: Type | None = None
        for entry in node.entries:
            assert entry.key is not None
            keys = self._join(keys, self.check(entry.key))
            found = self.check(entry.value)
            values = self._join(values, self._unwrapped(entry.value, found) if entry.optional else found)
        return map_of(keys or self._variable(), values or self._variable())

    def _struct(self, node: StructLiteral) -> Type:
        named = self._named_types.get(node.name.lstrip("."))
        if named is None:
            return self._undeclared(node, node.name)
        if named.kind != "struct":
            self._report(node, f"'{named}' is not a message type")
            named = ERROR
        for entry in node.entries:
            self._struct_field(named, entry)
        return named

    def _struct_field(self, named: Type, entry: Entry) -> None:
        found = self.check(entry.value)
        field = named.declaration.named(entry.field) if named.declaration else None
        if field is None:
            self._report(entry, f"undefined field '{entry.field}'")
            return
        if entry.optional:
            found = self._unwrapped(entry.value, found)
        if not assign(self._meanings, field.type, found):
            text = f"expected type of field '{entry.field}' is '{field.type}' but provided type is '{found}'"
            self._report(entry, text)

    # Loops

    def _comprehension(self, node: Comprehension) -> Type:
        ranged = substitute(self._meanings, self.check(node.range))
        accumulated = self.check(node.initial)
        self._scopes.append({node.accumulator: accumulated})
        self._scopes.append(self._loop_variables(node, ranged))
        self._assert(node.condition, BOOL)
        self._assert(node.step, accumulated)
        self._scopes.pop()
        result = self.check(node.result)
        self._scopes.pop()
        return substitute(self._meanings, result)

    def _assert(self, node: Node, expected: Type) -> None:
        found = self.check(node)
        if not assign(self._meanings, expected, found):
            self._mismatch(node, substitute(self._meanings, expected, True), found)

    def _loop_variables(self, node: Comprehension, ranged: Type) -> Mapping[str, Type]:
        first: Type = DYN
        second: Type = DYN
        if ranged.kind == "list":
            first = ranged.parameters[0]
            if node.value:
                first, second = INT, first
        elif ranged.kind == "map":
            first, second = ranged.parameters
        elif is_dyn(ranged) or ranged.kind == "param":
            assign(self._meanings, DYN, ranged)
        else:
            text = f"expression of type '{ranged}' cannot be range of a comprehension (must be list, map, or dynamic)"
            first = second = self._report(node.range, text)
        return {node.key: first, node.value: second} if node.value else {node.key: first}


def _dotted(node: Node) -> str:
    """`a.b.c` if a node is just names and dots, else empty."""
    parts: list[str] = []
    while isinstance(node, Select) and not node.test:
        parts.append(node.field)
        node = node.operand
    if not isinstance(node, Ident):
        return ""
    return ".".join([node.name, *reversed(parts)])


_CHECKS: Mapping[type, Callable[[_Checker, Any], Type]] = {
    Literal: _Checker._literal,
    Ident: _Checker._ident,
    Select: _Checker._select,
    Call: _Checker._call,
    ListLiteral: _Checker._list,
    MapLiteral: _Checker._map,
    StructLiteral: _Checker._struct,
    Comprehension: _Checker._comprehension,
}
