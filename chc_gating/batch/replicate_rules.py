"""What replicates must obey: it must be known which rows are of the same cells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from chc_gating.batch.rows import Acquisition
from chc_gating.errors import Fault

Line = tuple[int, Acquisition]


def check_replicates(rows: Iterable[Line], file: str) -> Iterator[Fault]:
    """Yield faults of replicates: one given twice, one alone, and tubes that are not told apart."""
    lines = list(rows)
    for members in _group(lines, whole_tubes=False):
        if any(row.replicate is not None for _, row in members):
            yield from _find_blank_tubes(members, file)
    for members in _group(lines, whole_tubes=True):
        numbered = [line for line in members if line[1].replicate is not None]
        if numbered:
            yield from _find_tube_orders(members, file)
            yield from _find_repeated(numbered, file)
        if len(members) == 1 and numbered:
            yield from _find_alone(numbered[0], file)


def _group(lines: Sequence[Line], *, whole_tubes: bool) -> list[list[Line]]:
    """Return rows that are added, or of those the rows of one tube."""
    groups: dict[tuple[str | None, ...], list[Line]] = {}
    for line, row in lines:
        key = row.same_cells_key if whole_tubes else row.same_cells_key[:-1]
        groups.setdefault(key, []).append((line, row))
    return list(groups.values())


def _find_blank_tubes(members: Sequence[Line], file: str) -> Iterator[Fault]:
    if all(row.tube is None for _, row in members):
        return
    for line, row in members:
        if row.tube is None:
            yield Fault(
                file,
                "is blank beside rows with a tube; of which cells the replicates are is not known",
                "name the tube of every row of the draw, or of none",
                line,
                "tube",
            )


def _find_tube_orders(members: Sequence[Line], file: str) -> Iterator[Fault]:
    places = {row.tube_order for _, row in members if row.tube_order is not None}
    if len(places) < 2:
        return
    line, row = next(m for m in members[::-1] if m[1].tube_order is not None)
    yield Fault(
        file,
        f"the same tube ({row.tube or 'blank'}) has another tube_order in another row",
        "replicates are told apart by tube: name the tubes, or correct tube_order",
        line,
        "tube_order",
        str(row.tube_order),
    )


def _find_repeated(numbered: Sequence[Line], file: str) -> Iterator[Fault]:
    seen: dict[str | None, int] = {}
    for line, row in numbered:
        first = seen.setdefault(row.replicate, line)
        if first != line:
            yield Fault(
                file,
                f"row {first} has the same replicate of the same tube",
                "number repeated measurements of the same cells 1, 2, ...; leave it "
                "blank for other cells",
                line,
                "replicate",
                row.replicate,
            )


def _find_alone(numbered: Line, file: str) -> Iterator[Fault]:
    line, row = numbered
    yield Fault(
        file,
        "no other row is of the same draw, modality, panel, gates, lot and tube",
        "give both rows of the same cells one tube and lot, or leave replicate blank",
        line,
        "replicate",
        row.replicate,
    )
