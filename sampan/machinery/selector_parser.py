"""The grammar of a label selector's text: lexer and parser, with upstream's error texts.

    selector    = [ requirement { "," requirement } ]
    requirement = [ "!" ] key [ ( "=" | "==" | "!=" | ">" | "<" ) value | ( "in" | "notin" ) "(" values ")" ]

Called by selectors.parse only. Texts: k8s.io/apimachinery/pkg/labels (Parser, Lexer).
"""

from sampan.machinery import names
from sampan.machinery.requirements import (
    DOUBLE_EQUALS,
    EQUALS,
    EXISTS,
    GREATER,
    IN,
    LESS,
    NOT_EQUALS,
    NOT_EXISTS,
    NOT_IN,
    Requirement,
    SelectorError,
    requirement,
)

Token = tuple[str, str]  # kind, literal

_END: Token = ("end", "")
_IDENTIFIER = "identifier"
_SPECIAL = frozenset("=!(),><")
_SYMBOLS = frozenset(("(", ")", ",", "!", "=", "==", "!=", ">", "<"))
_OPERATORS = {
    "in": IN,
    "notin": NOT_IN,
    "=": EQUALS,
    "==": DOUBLE_EQUALS,
    "!=": NOT_EQUALS,
    ">": GREATER,
    "<": LESS,
}
_EXPECTED_OPERATORS = "in, notin, =, ==, !=, gt, lt"
_SPACE = frozenset(" \t\r\n")
MAX_REQUIREMENTS = 1000  # each is asked of every object of a list


def parse_requirements(text: str) -> list[Requirement]:
    """The requirements of a selector; raises SelectorError."""
    return _Parser(text).selector()


def tokens(text: str) -> list[Token]:
    """Identifiers and symbols; an unknown run of special characters is an ("error", ...) token."""
    found: list[Token] = []
    at = 0
    while at < len(text):
        if text[at] in _SPACE:
            at += 1
        elif text[at] in _SPECIAL:
            token, at = _symbol(text, at)
            found.append(token)
        else:
            start = at
            while at < len(text) and text[at] not in _SPECIAL and text[at] not in _SPACE:
                at += 1
            found.append((_IDENTIFIER, text[start:at]))
    return found


def _symbol(text: str, at: int) -> tuple[Token, int]:
    pair = text[at : at + 2]
    symbol = pair if pair in _SYMBOLS else text[at]
    return (symbol, symbol), at + len(symbol)


class _Parser:
    """Recursive descent over the tokens of one selector."""

    def __init__(self, text: str) -> None:
        self._tokens = tokens(text)
        self._at = 0

    def _peek(self) -> Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else _END

    def _next(self) -> Token:
        token = self._peek()
        self._at += 1
        return token

    def selector(self) -> list[Requirement]:
        found: list[Requirement] = []
        while True:
            kind, literal = self._peek()
            if kind == "end":
                return found
            if kind not in (_IDENTIFIER, "!"):
                raise SelectorError(f"found '{literal}', expected: !, identifier, or 'end of string'")
            if len(found) == MAX_REQUIREMENTS:
                raise SelectorError(f"a selector has at most {MAX_REQUIREMENTS} requirements")
            found.append(self._requirement())
            kind, literal = self._next()
            if kind == "end":
                return found
            if kind != ",":
                raise SelectorError(f"found '{literal}', expected: ',' or 'end of string'")
            kind, literal = self._peek()
            if kind not in (_IDENTIFIER, "!"):
                raise SelectorError(f"found '{literal}', expected: identifier after ','")

    def _requirement(self) -> Requirement:
        try:
            key, operator = self._key()
            if operator:
                return requirement(key, operator)
            operator = self._operator()
            values = self._list() if operator in (IN, NOT_IN) else [self._value()]
            return requirement(key, operator, values)
        except SelectorError as error:
            raise SelectorError(f"unable to parse requirement: {error.message}") from None

    def _key(self) -> tuple[str, str]:
        kind, key = self._next()
        negated = kind == "!"
        if negated:
            kind, key = self._next()
        if kind != _IDENTIFIER:
            raise SelectorError(f"found '{key}', expected: identifier")
        if wrong := names.qualified_name(key):
            raise SelectorError(f'<nil>: Invalid value: "{key}": {"; ".join(wrong)}')
        if negated:
            return key, NOT_EXISTS
        return key, EXISTS if self._peek()[0] in ("end", ",") else ""

    def _operator(self) -> str:
        _, literal = self._next()
        if literal not in _OPERATORS:
            raise SelectorError(f"found '{literal}', expected: {_EXPECTED_OPERATORS}")
        return _OPERATORS[literal]

    def _value(self) -> str:
        if self._peek()[0] in ("end", ","):
            return ""
        kind, literal = self._next()
        if kind != _IDENTIFIER:
            raise SelectorError(f"found '{literal}', expected: identifier")
        return literal

    def _list(self) -> list[str]:
        """The values in parentheses; a missing one between commas is "", as upstream has it."""
        kind, literal = self._next()
        if kind != "(":
            raise SelectorError(f"found '{literal}' expected: '('")
        if self._peek()[0] == ")":
            self._next()
            return []
        found: list[str] = []
        while True:
            found.append(self._list_item())
            kind, literal = self._next()
            if kind == ")":
                return found
            if kind != ",":
                raise SelectorError(f"found '{literal}', expected: ',' or ')'")

    def _list_item(self) -> str:
        kind, literal = self._peek()
        if kind in (",", ")"):
            return ""
        self._next()
        if kind != _IDENTIFIER:
            raise SelectorError(f"found '{literal}', expected: ',', or identifier")
        return literal
