"""A fault in a document, before its line is known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A fault at a path of keys, before its line is known."""

    keys: tuple[object, ...]
    problem: str
    remedy: str
    value: object = None
