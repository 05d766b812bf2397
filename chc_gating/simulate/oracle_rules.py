"""The oracle's own reading of the rules of the calls: slow, plain, one event at a time.

Nothing here is shared with the gate plan; that is the point. A marker's state is a letter:
``-`` negative, ``?`` in the indeterminate band, ``+`` positive, ``!`` invalid.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from chc_gating.errors import ChcError

States = Mapping[str, str]
Truth = bool | None
"""True, false, or None: not known."""

CANDIDATE_CLASSES = ("CHC", "CTC")

_TOKEN = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*|[-+()])")


def evaluate(expression: str, states: States) -> Truth:
    """Return the value of an expression for one event, by Kleene's three-valued logic.

    >>> evaluate("CD45+ and (EPCAM+ or CK+)", {"CD45": "+", "EPCAM": "?", "CK": "+"})
    True
    """
    tokens = _split(expression)
    value, rest = _read_or(tokens, states)
    if rest:
        raise ChcError(f"the oracle cannot read {expression!r} from {rest[0]!r} on")
    return value


def name_class(phenotypes: Mapping[str, str], states: States, *, epithelial: Sequence[str]) -> str:
    """Return the one class that an event with these marker states belongs to."""
    for name, expression in phenotypes.items():
        if evaluate(expression, states) is True:
            return _name_sub_phenotype(name, states, epithelial)
    possible = {_sure_class(phenotypes, known) for known in _resolutions(states, "-+")}
    suffix = "_candidate" if possible.intersection(CANDIDATE_CLASSES) else ""
    for letter, name in (("!", "invalid"), ("?", "indeterminate")):
        if any(states[m] == letter and _matters(m, phenotypes, states) for m in states):
            return name + suffix
    return "unclassified"


def _name_sub_phenotype(name: str, states: States, epithelial: Sequence[str]) -> str:
    if name not in CANDIDATE_CLASSES:
        return name
    positive = [marker for marker in epithelial if states[marker] == "+"]
    sure = all(states[marker] in "+-" for marker in epithelial)
    return "_".join([name, *positive]) if sure and positive else f"{name}_unresolved"


def _matters(marker: str, phenotypes: Mapping[str, str], states: States) -> bool:
    """Whether knowing this marker would name a class, whatever is known of the other markers."""
    return any(
        _sure_class(phenotypes, {**known, marker: "?"})
        != _sure_class(phenotypes, {**known, marker: letter})
        for known in _resolutions(states, "-+?")
        for letter in "-+"
    )


def _sure_class(phenotypes: Mapping[str, str], states: States) -> str | None:
    true = (name for name, text in phenotypes.items() if evaluate(text, states) is True)
    return next(true, None)


def _resolutions(states: States, letters: str) -> Iterator[dict[str, str]]:
    """Yield the states with every unknown marker set to each of ``letters``."""
    unknown = [marker for marker in states if states[marker] in "?!"]
    for chosen in itertools.product(letters, repeat=len(unknown)):
        yield {**states, **dict(zip(unknown, chosen, strict=True))}


def _split(expression: str) -> list[str]:
    tokens: list[str] = []
    position, text = 0, expression.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ChcError(f"the oracle cannot read {expression!r} from {text[position:]!r} on")
        tokens.append(match.group(1))
        position = match.end()
    return tokens


_Reading = tuple[Truth, list[str]]


def _read_or(tokens: list[str], states: States) -> _Reading:
    return _read_chain(tokens, states, word="or", read=_read_and, winner=True)


def _read_and(tokens: list[str], states: States) -> _Reading:
    return _read_chain(tokens, states, word="and", read=_read_not, winner=False)


def _read_chain(
    tokens: list[str],
    states: States,
    *,
    word: str,
    read: Callable[[list[str], States], _Reading],
    winner: bool,
) -> _Reading:
    """Read ``a word b word c``; ``winner`` is the value that decides the whole by itself."""
    value, rest = read(tokens, states)
    while rest and rest[0] == word:
        other, rest = read(rest[1:], states)
        if winner in (value, other):
            value = winner
        elif other is None:
            value = None
    return value, rest


def _read_not(tokens: list[str], states: States) -> _Reading:
    if tokens[:1] == ["not"]:
        value, rest = _read_not(tokens[1:], states)
        return (None if value is None else not value), rest
    if tokens[:1] == ["("]:
        value, rest = _read_or(tokens[1:], states)
        if rest[:1] != [")"]:
            raise ChcError("the oracle misses a closing parenthesis in an expression")
        return value, rest[1:]
    if len(tokens) < 2 or tokens[0] not in states or tokens[1] not in ("+", "-"):
        raise ChcError(f"the oracle expects a known marker with + or -, not {tokens[:2]}")
    state = states[tokens[0]]
    return (None if state in "?!" else state == tokens[1]), tokens[2:]
