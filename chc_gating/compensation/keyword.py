"""Spillover from an FCS file's own keyword."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from chc_gating.errors import RawFileError
from chc_gating.model.channel_names import match_channels
from chc_gating.model.events import FloatArray
from chc_gating.model.spillover import Spillover

KEYWORDS = ("$SPILLOVER", "SPILL", "SPILLOVER", "$SPILL")
"""The standard's name first, then those that vendors write. $COMP of FCS 3.0 is no source: it
names no channels, and files disagree whether it holds a spillover matrix or its inverse."""

_REMEDY = "set the panel's spillover to a CSV or to none"


def spillover_from_keyword(
    keywords: Mapping[str, str], *, channels: Sequence[str], labels: Sequence[str | None]
) -> Spillover | None:
    """Return the spillover that a file's keywords hold, None where there is none.

    keywords : keys in upper case. channels, labels : the file's $PnN and $PnS.

    Names are matched by $PnN, else $PnS, else as parameter numbers from 1; whichever is not the
    standard's is said in the source. Raises RawFileError where the text is no matrix of numbers
    over channels of the file.
    """
    for keyword in KEYWORDS:
        text = keywords.get(keyword, "")
        if text.strip():
            return _parse(text, keyword, channels=channels, labels=labels)
    return None


def _parse(
    text: str, keyword: str, *, channels: Sequence[str], labels: Sequence[str | None]
) -> Spillover:
    tokens = [token.strip() for token in text.split(",")]
    size = _size(tokens, keyword)
    names = tokens[1 : len(tokens) - size * size]
    matrix = _numbers(tokens[len(tokens) - size * size :], keyword).reshape(size, size)
    indices, note = _resolve(names, size, channels=channels, labels=labels)
    if indices is None:
        raise RawFileError(f"{keyword}{_explain_names(tokens, size, channels)}; {_REMEDY}")
    if len(set(indices)) < size:
        raise RawFileError(f"{keyword} names a channel twice; set the panel's spillover to a CSV")
    return Spillover(tuple(channels[i] for i in indices), matrix, f"{keyword}{note}")


def _size(tokens: Sequence[str], keyword: str) -> int:
    """Return n of ``n, n names, n * n values``; names may themselves hold commas."""
    if not re.fullmatch(r"[1-9][0-9]{0,3}", tokens[0]):
        raise RawFileError(f"{keyword} does not start with the number of channels; {_REMEDY}")
    size = int(tokens[0])
    if len(tokens) < 1 + size + size * size:
        raise RawFileError(
            f"{keyword} announces {size} channels, so {1 + size + size * size} entries, "
            f"and holds {len(tokens)}; {_REMEDY}"
        )
    return size


def _explain_names(tokens: Sequence[str], size: int, channels: Sequence[str]) -> str:
    """Return why the names fit no channels, from what is most likely wrong."""
    expected, held = 1 + size + size * size, len(tokens)
    if held > expected and _are_digits(tokens[1 + size :]):
        return (
            " seems to hold decimal commas, which cannot be told from the commas between its "
            f"entries: {held} entries where {size} channels have {expected}"
        )
    if held > expected:
        return (
            f" announces {size} channels, so {expected} entries, and holds {held}, or its names "
            f"are not channels of the file, which has {', '.join(channels)}"
        )
    return f": its {size} names are not channels of the file, which has {', '.join(channels)}"


def _are_digits(tokens: Sequence[str]) -> bool:
    return all(re.fullmatch(r"[+-]?[0-9]+", token) for token in tokens)


def _numbers(tokens: Sequence[str], keyword: str) -> FloatArray:
    try:
        values = np.array([float(token) for token in tokens], dtype=np.float64)
    except ValueError:
        values = np.array([np.nan])
    if not np.isfinite(values).all():
        raise RawFileError(f"{keyword} holds entries that are blank or no number; {_REMEDY}")
    return values


def _resolve(
    names: Sequence[str],
    size: int,
    *,
    channels: Sequence[str],
    labels: Sequence[str | None],
) -> tuple[list[int] | None, str]:
    """Return the channel index of every name, and how the names were read."""
    joined = _join_names(names, size, known={*channels, *labels} - {None})
    if joined is None:
        return None, ""
    matches = [match_channels(name, channels, labels=labels) for name in joined]
    if all(len(found) == 1 for found in matches):
        by_label = any(name not in channels for name in joined)
        note = " (names read as $PnS)" if by_label else ""
        return [found[0] for found in matches], note
    if all(name.isdecimal() and 1 <= int(name) <= len(channels) for name in joined):
        return [int(name) - 1 for name in joined], " (names read as parameter numbers)"
    return None, ""


def _join_names(names: Sequence[str], size: int, *, known: set[str | None]) -> list[str] | None:
    """Return ``size`` names; where commas inside names split them, join what the file knows."""
    if len(names) == size:
        return list(names)
    whole = {re.sub(r"\s*,\s*", ",", name): name for name in known if name}
    joined: list[str] = []
    start = 0
    while start < len(names):
        ends = range(len(names), start, -1)
        end = next((e for e in ends if ",".join(names[start:e]) in whole), None)
        if end is None:
            return None
        joined.append(whole[",".join(names[start:end])])
        start = end
    return joined if len(joined) == size else None
