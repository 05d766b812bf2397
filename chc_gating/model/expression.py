"""Marker rules as users write them: parsed by a grammar, evaluated in three-valued logic."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

TruthArray = NDArray[np.int8]
FALSE, UNKNOWN, TRUE = 0, 1, 2
"""Kleene's three values, ordered so that `and` is the minimum and `or` the maximum."""

MAX_DEPTH = 100
"""Brackets and `not` that may stand inside one another; keeps the parser off the stack's end."""

_TOKEN = re.compile(r"\s*(?:(?P<word>[A-Za-z][A-Za-z0-9_]*)|(?P<sign>[+()-]))")


class ExpressionError(ValueError):
    """A rule that the grammar does not allow; ``position`` counts characters from 1."""

    def __init__(self, message: str, position: int) -> None:
        self.position = position
        super().__init__(f"at character {position}: {message}")


@dataclass(frozen=True)
class Call:
    """`MARKER+` or `MARKER-`."""

    marker: str
    positive: bool


@dataclass(frozen=True)
class Negation:
    """`not X`."""

    operand: Node


@dataclass(frozen=True)
class Conjunction:
    """`X and Y and ...`."""

    operands: tuple[Node, ...]


@dataclass(frozen=True)
class Disjunction:
    """`X or Y or ...`."""

    operands: tuple[Node, ...]


Node = Call | Negation | Conjunction | Disjunction


@dataclass(frozen=True)
class Expression:
    """A parsed rule over marker calls.

    Examples
    --------
    >>> parse_expression("CD45+ and (EPCAM+ or CK+)").markers
    ('CD45', 'EPCAM', 'CK')
    """

    text: str
    root: Node

    @property
    def markers(self) -> tuple[str, ...]:
        """The markers that are named, in the order of their first appearance."""
        return tuple(dict.fromkeys(_markers(self.root)))

    def evaluate(self, positive: Mapping[str, TruthArray]) -> TruthArray:
        """Return the rule's Kleene value, elementwise.

        positive : for every marker, whether it is positive (FALSE, UNKNOWN or TRUE), int8 arrays
            that broadcast against each other. A marker is negative where that is FALSE.
        """
        return _evaluate(self.root, positive)


def parse_expression(text: str) -> Expression:
    """Return the parsed rule.

    Grammar: ``or`` binds weaker than ``and``, ``and`` weaker than ``not``; an atom is ``MARKER+``,
    ``MARKER-`` or a rule in brackets. Key words are lower case.

    Raises ExpressionError, which names the character and what was expected there.
    """
    parser = _Parser(text)
    root = parser.disjunction()
    parser.expect_end()
    return Expression(text=text, root=root)


def _markers(node: Node) -> list[str]:
    if isinstance(node, Call):
        return [node.marker]
    if isinstance(node, Negation):
        return _markers(node.operand)
    return [marker for operand in node.operands for marker in _markers(operand)]


def _evaluate(node: Node, positive: Mapping[str, TruthArray]) -> TruthArray:
    if isinstance(node, Call):
        value = positive[node.marker]
        return value if node.positive else (TRUE - value).astype(np.int8)
    if isinstance(node, Negation):
        return (TRUE - _evaluate(node.operand, positive)).astype(np.int8)
    parts = [_evaluate(operand, positive) for operand in node.operands]
    combine = np.minimum if isinstance(node, Conjunction) else np.maximum
    return reduce(combine, parts)


class _Parser:
    """Recursive descent over (token, position) pairs."""

    def __init__(self, text: str) -> None:
        self.tokens = _tokenize(text)
        self.end = len(text) + 1
        self.next = 0
        self.depth = 0

    def peek(self) -> str:
        return self.tokens[self.next][0] if self.next < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.next += 1
        return token

    def fail(self, expected: str) -> ExpressionError:
        if self.next >= len(self.tokens):
            return ExpressionError(f"the rule ends where {expected} is expected", self.end)
        token, position = self.tokens[self.next]
        hint = "; key words are lower case" if token.lower() in _KEYWORDS - {token} else ""
        return ExpressionError(f"found {token!r} where {expected} is expected{hint}", position)

    def disjunction(self) -> Node:
        operands = [self.conjunction()]
        while self.peek() == "or":
            self.take()
            operands.append(self.conjunction())
        return operands[0] if len(operands) == 1 else Disjunction(tuple(operands))

    def conjunction(self) -> Node:
        operands = [self.negation()]
        while self.peek() == "and":
            self.take()
            operands.append(self.negation())
        return operands[0] if len(operands) == 1 else Conjunction(tuple(operands))

    def negation(self) -> Node:
        if self.peek() != "not":
            return self.atom()
        self.enter()
        self.take()
        operand = self.negation()
        self.depth -= 1
        return Negation(operand)

    def atom(self) -> Node:
        token = self.peek()
        if token == "(":
            return self.bracket()
        if not token or token in _KEYWORDS or token in "+-)" or token.lower() in _KEYWORDS:
            raise self.fail("a marker with + or -, 'not' or '('")
        self.take()
        if self.peek() not in ("+", "-"):
            raise self.fail(f"+ or - after marker {token}")
        return Call(marker=token, positive=self.take() == "+")

    def bracket(self) -> Node:
        self.enter()
        self.take()
        inner = self.disjunction()
        if self.peek() != ")":
            raise self.fail("'and', 'or' or ')'")
        self.take()
        self.depth -= 1
        return inner

    def enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            position = self.tokens[self.next][1]
            raise ExpressionError(f"brackets and 'not' are nested over {MAX_DEPTH} deep", position)

    def expect_end(self) -> None:
        if self.next < len(self.tokens):
            raise self.fail("'and', 'or' or the end")


_KEYWORDS = frozenset({"and", "or", "not"})


def _tokenize(text: str) -> list[tuple[str, int]]:
    tokens = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            start = position + len(text[position:]) - len(text[position:].lstrip())
            raise ExpressionError(f"character {text[start]!r} has no meaning here", start + 1)
        kind = match.lastgroup or ""
        tokens.append((match.group(kind), match.start(kind) + 1))
        position = match.end()
    return tokens
