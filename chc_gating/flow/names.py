"""Names of channels: unique, from $PnN, with their markers from $PnS."""

from __future__ import annotations

from collections.abc import Mapping

from chc_gating.flow.repairs import RepairLog


def name_parameters(
    keywords: Mapping[str, str], count: int, repairs: RepairLog
) -> tuple[tuple[str, ...], tuple[str | None, ...]]:
    """Return ``count`` unique channel names and their markers, None where $PnS is absent.

    A parameter without a name is called P and its number; of equal names the second becomes
    NAME_2, the third NAME_3.
    """
    names: list[str] = []
    written = {keywords.get(f"$P{n}N", "") for n in range(1, count + 1)}
    taken: set[str] = set()
    following: dict[str, int] = {}
    for n in range(1, count + 1):
        name = keywords.get(f"$P{n}N", "")
        if not name:
            name = f"P{n}"
            repairs.note("no $PnN; named by its number", channel=name)
        unique = _unique(name, taken, written, following)
        if unique != name:
            repairs.note("its $PnN stands twice; renamed", channel=unique)
        names.append(unique)
        taken.add(unique)
    markers = tuple(keywords.get(f"$P{n}S") or None for n in range(1, count + 1))
    return tuple(names), markers


def _unique(name: str, taken: set[str], written: set[str], following: dict[str, int]) -> str:
    """Return the name, or the first NAME_k that is free.

    ``following`` holds the next k of each name, so that ten thousand equal names take no longer
    than different ones.
    """
    if name not in taken:
        return name
    k = following.get(name, 2)
    while f"{name}_{k}" in taken or f"{name}_{k}" in written:
        k += 1
    following[name] = k + 1
    return f"{name}_{k}"
