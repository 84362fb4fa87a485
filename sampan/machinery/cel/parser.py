"""An expression's text into its syntax tree, by precedence; macros are expanded while parsing.

Syntax errors have the words of upstream's generated parser where one expression shows one fault; after the first we
stop, where upstream tries to go on. Upstream: cel-go parser/parser.go and parser/gen/CEL.g4.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sampan.machinery.cel import literals, macros
from sampan.machinery.cel.errors import CompileError, Issue
from sampan.machinery.cel.lexer import RESERVED, Token, tokens
from sampan.machinery.cel.syntax import (
    Call,
    Entry,
    Ident,
    ListLiteral,
    Literal,
    MapLiteral,
    Node,
    Select,
    StructLiteral,
)

_LONGEST = 100_000
# Deeper than any rule that people write, shallow enough for Python's stack in parser, checker and evaluation.
_DEEPEST = 100
_BEGIN = (
    "'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER"
)
_BEGIN_ARGUMENT = _BEGIN.replace("'(', '.'", "'(', ')', '.'")
_BEGIN_INDEX = _BEGIN.replace("'!', ", "'!', '?', ")
_RELATIONS = frozenset(("<", "<=", ">=", ">", "==", "!=", "in"))
_BINARY = {"+": 5, "-": 5, "*": 6, "/": 6, "%": 6} | dict.fromkeys(_RELATIONS, 4)
_FUNCTION = {"in": "@in"} | {word: f"_{word}_" for word in _BINARY if word != "in"}


class _SyntaxError(Exception):
    def __init__(self, token: Token, message: str) -> None:
        super().__init__(message)
        self.issue = Issue(token.offset, f"Syntax error: {message}")


def parse(source: str, known: macros.Macros) -> Node:
    """The tree of an expression; raises CompileError."""
    if len(source) > _LONGEST:
        message = f"expression code point size exceeds limit: size: {len(source)}, limit {_LONGEST}"
        raise CompileError(source[:80], [Issue(0, message)])
    found, issues = tokens(source)
    parser = _Parser(found, known)
    try:
        tree = parser.whole()
    except _SyntaxError as error:
        raise CompileError(source, [*issues, *parser.issues, error.issue]) from None
    if issues or parser.issues:
        raise CompileError(source, [*issues, *parser.issues])
    return tree


class _Parser:
    def __init__(self, found: Sequence[Token], known: macros.Macros) -> None:
        self._tokens = found
        self._at = 0
        self._depth = 0
        self._macros = known
        self.issues: list[Issue] = []

    def whole(self) -> Node:
        tree = self._expression()
        if self._kind() != "end":
            token = self._peek()
            raise _SyntaxError(token, f"extraneous input '{token.text}' expecting <EOF>")
        return tree

    # Reading tokens

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _kind(self) -> str:
        return self._tokens[self._at].kind

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _accept(self, kind: str) -> Token | None:
        return self._next() if self._kind() == kind else None

    def _expect(self, kind: str, otherwise: str = "") -> Token:
        if self._kind() == kind:
            return self._next()
        token = self._peek()
        if token.kind == "end" and kind != ":":
            raise _SyntaxError(token, f"missing '{kind}' at '<EOF>'")
        raise _SyntaxError(token, f"mismatched input '{token.text}' expecting {otherwise or repr(kind)}")

    # Operators, from the loosest

    def _expression(self, begin: str = _BEGIN) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _SyntaxError(self._peek(), f"expression recursion limit exceeded: {_DEEPEST}")
        left = self._logical("||", "_||_", begin)
        if question := self._accept("?"):
            middle = self._logical("||", "_||_", _BEGIN)
            self._expect(":")
            left = Call(question.offset, "_?_:_", [left, middle, self._expression()])
        self._depth -= 1
        return left

    def _logical(self, word: str, function: str, begin: str) -> Node:
        """Terms joined by `||`, or inside them by `&&`; one call has them all."""
        terms, offset = [self._term(word, begin)], -1
        while token := self._accept(word):
            offset = token.offset if offset < 0 else offset
            terms.append(self._term(word, _BEGIN))
        return terms[0] if len(terms) == 1 else Call(offset, function, terms)

    def _term(self, word: str, begin: str) -> Node:
        return self._logical("&&", "_&&_", begin) if word == "||" else self._binary(4, begin)

    def _binary(self, weakest: int, begin: str) -> Node:
        left, joined = self._unary(begin), 0
        while (strength := _BINARY.get(self._kind(), 0)) >= weakest:
            token = self._next()
            left = Call(token.offset, _FUNCTION[token.kind], [left, self._binary(strength + 1, _BEGIN)])
            joined += 1
            if joined > _DEEPEST:
                raise _SyntaxError(token, f"expression recursion limit exceeded: {_DEEPEST}")
        return left

    def _unary(self, begin: str) -> Node:
        kind = self._kind()
        if kind not in ("!", "-"):
            return self._member(begin)
        first = self._peek()
        count = 0
        if kind == "-" and self._negative_number():
            return self._member(begin)
        while self._kind() == kind:
            self._next()
            count += 1
        operand = self._member(_BEGIN)
        if count % 2 == 0:
            return operand
        return Call(first.offset, "!_" if kind == "!" else "-_", [operand])

    def _negative_number(self) -> bool:
        return self._tokens[self._at + 1].kind in ("int", "float")

    # Members

    def _member(self, begin: str) -> Node:
        tree, links = self._primary(begin), 0
        while True:
            if dot := self._accept("."):
                tree = self._dotted(tree, dot)
            elif bracket := self._accept("["):
                function = "_[?_]" if self._accept("?") else "_[_]"
                index = self._expression(_BEGIN_INDEX if function == "_[_]" else _BEGIN)
                self._expect("]")
                tree = Call(bracket.offset, function, [tree, index])
            else:
                return tree
            links += 1
            if links > _DEEPEST:
                raise _SyntaxError(self._peek(), f"expression recursion limit exceeded: {_DEEPEST}")

    def _dotted(self, operand: Node, dot: Token) -> Node:
        optional = self._accept("?")
        token = self._peek()
        if token.kind not in ("identifier", "escaped"):
            text = "" if token.kind == "end" else token.text
            if token.kind in ("true", "false", "null"):
                raise _SyntaxError(token, f"mismatched input '{text}' expecting IDENTIFIER")
            raise _SyntaxError(token, f"no viable alternative at input '{'?' if optional else ''}.{text}'")
        self._next()
        name = token.text.strip("`")
        if optional:
            return Call(dot.offset, "_?._", [operand, Literal(token.offset, name)])
        if self._kind() == "(" and token.kind == "identifier":
            return self._call(name, operand)
        return Select(dot.offset, operand, name)

    def _call(self, name: str, target: Node | None) -> Node:
        opening = self._next()
        arguments: list[Node] = []
        if not self._accept(")"):
            arguments.append(self._expression(_BEGIN_ARGUMENT))
            while self._accept(","):
                arguments.append(self._expression())
            self._expect(")", "{')', ','}")
        expanded = self._expand(opening.offset, name, target, arguments)
        return expanded if expanded is not None else Call(opening.offset, name, arguments, target)

    def _expand(self, offset: int, name: str, target: Node | None, arguments: list[Node]) -> Node | None:
        expand = self._macros.get((name, len(arguments), target is not None))
        if expand is None:
            return None
        try:
            return expand(offset, target, arguments)
        except macros.MacroError as error:
            self.issues.append(Issue(error.offset, str(error)))
            return Literal(offset, None)

    # Primaries

    def _primary(self, begin: str) -> Node:
        token = self._peek()
        if token.kind == "(":
            self._next()
            tree = self._expression()
            self._expect(")")
            return tree
        if token.kind == "[":
            return self._list()
        if token.kind == "{":
            self._next()
            return MapLiteral(token.offset, self._entries(False))
        if token.kind in ("identifier", "."):
            return self._name()
        return self._literal(token, begin)

    def _literal(self, token: Token, begin: str) -> Node:
        sign = ""
        if token.kind == "-" and self._negative_number():
            sign = self._next().text
        value = self._peek()
        if value.kind not in _LITERALS:
            problem = "extraneous" if value.kind in ("*", "/", "%") else "mismatched"
            raise _SyntaxError(value, f"{problem} input '{value.text}' expecting {{{begin}}}")
        self._next()
        try:
            return Literal(token.offset, _LITERALS[value.kind](sign + value.text))
        except literals.LiteralError as error:
            self.issues.append(Issue(token.offset, str(error)))
            return Literal(token.offset, None)

    def _name(self) -> Node:
        """A variable, a call of a function, or an object `a.b.Name{...}`."""
        dot = self._accept(".")
        token = self._expect("identifier", "IDENTIFIER")
        name = ("." if dot else "") + token.text
        if made := self._object(name):
            return made
        if token.text in RESERVED:
            self.issues.append(Issue((dot or token).offset, f"reserved identifier: {token.text}"))
        if self._kind() == "(":
            return self._call(name, None)
        return Ident(token.offset, name)

    def _object(self, name: str) -> Node | None:
        at = self._at
        while self._tokens[at].kind == "." and self._tokens[at + 1].kind == "identifier":
            name += "." + self._tokens[at + 1].text
            at += 2
        if self._tokens[at].kind != "{":
            return None
        opening = self._tokens[at]
        self._at = at + 1
        return StructLiteral(opening.offset, name, self._entries(True))

    def _list(self) -> Node:
        opening = self._next()
        items: list[Node] = []
        optional = set()
        while not self._accept("]"):
            if items:
                self._separator("]")
                if self._accept("]"):
                    break
                if self._kind() == "end":
                    self._expect("]")
            if self._accept("?"):
                optional.add(len(items))
            items.append(self._expression(_BEGIN_LIST))
        return ListLiteral(opening.offset, items, frozenset(optional))

    def _separator(self, closing: str) -> None:
        """A comma; one word too many before it, or before the end, is named as such."""
        token, following = self._peek(), self._tokens[min(self._at + 1, len(self._tokens) - 1)].kind
        if token.kind not in (",", "end") and following in (",", closing):
            raise _SyntaxError(token, f"extraneous input '{token.text}' expecting {{'{closing}', ','}}")
        self._expect(",", f"{{'{closing}', ','}}")

    def _entries(self, fields: bool) -> list[Entry]:
        """The entries of a map, or the fields of an object, up to the closing brace."""
        found: list[Entry] = []
        while not self._accept("}"):
            if found:
                self._expect(",", "{'}', ','}")
                if self._accept("}"):
                    break
            optional = self._accept("?") is not None
            found.append(self._field(optional) if fields else self._pair(optional))
        return found

    def _field(self, optional: bool) -> Entry:
        name = self._accept("escaped") or self._expect("identifier", "{'}', ',', '?', IDENTIFIER, ESC_IDENTIFIER}")
        colon = self._expect(":")
        return Entry(colon.offset, None, name.text.strip("`"), self._expression(), optional)

    def _pair(self, optional: bool) -> Entry:
        key = self._expression()
        colon = self._expect(":")
        return Entry(colon.offset, key, "", self._expression(), optional)


_BEGIN_LIST = "'[', ']', '{', '(', '.', ',', '-', '!', '?', " + _BEGIN.partition("'!', ")[2]
_LITERALS: Mapping[str, Callable[[str], Any]] = {
    "int": literals.integer,
    "uint": literals.unsigned,
    "float": literals.double,
    "string": literals.string,
    "bytes": literals.bytestring,
    "true": lambda text: True,
    "false": lambda text: False,
    "null": lambda text: None,
}
