"""An expression's text into tokens. Upstream: the lexer rules of cel-go's grammar (parser/gen/CEL.g4).

A place is an offset in code points. What is no token is reported, with ANTLR's words, and skipped.
"""

import re
from dataclasses import dataclass

from sampan.machinery.cel.errors import Issue

_ESCAPE = r"\\(?:[abfnrtv\"'\\?`]|[0-3][0-7][0-7]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})"
_TRIPLE = rf'"""(?:{_ESCAPE}|[^\\])*?"""' + rf"|'''(?:{_ESCAPE}|[^\\])*?'''"
_SINGLE = rf'"(?:{_ESCAPE}|[^\\"\n\r])*"' + rf"|'(?:{_ESCAPE}|[^\\'\n\r])*'"
_RAW = r'[rR]"""[\s\S]*?"""' + r"|[rR]'''[\s\S]*?'''" + r'|[rR]"[^"\n\r]*"' + r"|[rR]'[^'\n\r]*'"
_STRING = f"{_TRIPLE}|{_RAW}|{_SINGLE}"
_TOKEN = re.compile(
    rf"""
    (?P<space>[\t\ \r\n\f]+|//[^\n]*)
  | (?P<float>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?)
  | (?P<uint>0x[0-9a-fA-F]+[uU]|[0-9]+[uU])
  | (?P<int>0x[0-9a-fA-F]+|[0-9]+)
  | (?P<bytes>[bB](?:{_STRING}))
  | (?P<string>{_STRING})
  | (?P<identifier>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<escaped>`[A-Za-z0-9_.\-/\ ]+`)
  | (?P<operator>==|!=|<=|>=|&&|\|\||[<>\[\]{{}}().,\-!?:+*/%])
    """,
    re.VERBOSE,
)
_KEYWORDS = ("as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let")
_MORE_KEYWORDS = ("loop", "package", "namespace", "null", "return", "true", "var", "void", "while")
RESERVED = frozenset((*_KEYWORDS, *_MORE_KEYWORDS))
_WORDS = frozenset(("in", "true", "false", "null"))
_OPEN_STRING = re.compile(r"[bB]?[rR]?(\"(?:\\.|[^\\\"\n\r])*|'(?:\\.|[^\\'\n\r])*)")


@dataclass(frozen=True, slots=True)
class Token:
    """A word of the language; `kind` is the text itself for operators and keywords."""

    kind: str  # float uint int bytes string identifier escaped end, or the operator
    text: str
    offset: int


def tokens(source: str) -> tuple[list[Token], list[Issue]]:
    """The tokens of an expression, the last of kind `end`, and what could not be read."""
    found, issues = [], []
    at = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            bad = _OPEN_STRING.match(source, at)
            text = bad[0] if bad else source[at]
            issues.append(Issue(at, f"Syntax error: token recognition error at: '{text}'"))
            at += len(text)
            continue
        if match.lastgroup != "space":
            found.append(_token(match.lastgroup or "", match[0], at))
        at = match.end()
    found.append(Token("end", "<EOF>", len(source)))
    return found, issues


def _token(group: str, text: str, offset: int) -> Token:
    if group == "operator" or (group == "identifier" and text in _WORDS):
        return Token(text, text, offset)
    return Token(group, text, offset)
