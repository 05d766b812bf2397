"""Faults that the validation of a record finds, in the words of this program."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from pydantic_core import ErrorDetails


def explain_error(error: ErrorDetails, *, known: Iterable[str] = ()) -> tuple[str, str]:
    """Return what is wrong and what to do, for one error of a record's validation.

    ``known`` are the names that could stand where an unknown key stands.
    """
    kind, context = error["type"], error.get("ctx", {})
    if kind in _LIMITS:
        words, name = _LIMITS[kind]
        return f"must be {words} {_plain(context[name])}", "correct the number"
    if kind == "literal_error":
        return "is not a value known here", f"use one of {context['expected']}"
    if kind == "missing" and isinstance(error["loc"][-1], int):
        return "must hold two values", "write [low, high], with null for no bound"
    if kind == "missing":
        return "is missing", "fill it in"
    if kind == "extra_forbidden" and re.fullmatch(r"\d{3}(\.\d*)?", str(error["loc"][-1])):
        return "is not a known key", "a comma ends a value here: write 1000 and not 1,000"
    if kind == "too_long":
        return "holds too many values", "leave some out; thousands have no comma: 1000, not 1,000"
    if kind == "extra_forbidden":
        return "is not a known key", suggest(str(error["loc"][-1]), known)
    if kind == "string_pattern_mismatch":
        return "is not a name of the allowed form", f"it must match {context['pattern']}"
    if kind == "value_error":
        return str(context["error"]), "correct it"
    if kind == "string_type" and isinstance(error["input"], (bool, int, float)):
        return "is a text, but YAML reads it as something else", "put it in quotes"
    if kind.endswith(("_type", "_parsing")):
        return f"must be {_WANTED.get(kind.rpartition('_')[0], 'something else')}", "correct it"
    message = error["msg"]
    return message[:1].lower() + message[1:], "correct it"


def suggest(name: str, known: Iterable[str]) -> str:
    """Return advice for an unknown name: the nearest known one, or all of them."""
    names = list(known)
    near = find_close(name, names)
    if near is not None:
        return f"did you mean {near}?"
    return f"known here: {', '.join(names)}" if names else "remove it"


def find_close(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is spelled most alike, or None where none is near."""
    folded = {other.casefold(): other for other in known}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=0.75)
    return folded[close[0]] if close else None


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


_LIMITS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
}
_WANTED = {
    "string": "a text",
    "float": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "tuple": "a list",
    "mapping": "a mapping of keys to values",
    "dict": "a mapping of keys to values",
    "model": "a mapping of keys to values",
}
