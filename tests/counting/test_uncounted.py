"""What was not counted, and that strict and the closing lines say the same of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from count_cases import (
    FRACTIONS,
    count_case,
    make_batch,
    make_draw,
    make_failure,
    make_result,
    make_row,
)

from chc_gating.batch import layout
from chc_gating.counting.table import render_counts
from chc_gating.counting.uncounted import list_uncounted
from chc_gating.errors import ChcError
from chc_gating.model.count import DrawCount
from chc_gating.stages.require_counted import require_counted
from chc_gating.stages.summarise import summarise
from chc_gating.storage.records import write_record

L1 = make_row(acquisition="A1", lot="L1", **FRACTIONS)
L2 = make_row(acquisition="A2", lot="L2", **FRACTIONS)
PARTLY = "D1 was PARTLY COUNTED; not flow, panel chc3, gates chc, lot L2: A2: truncated"


def partly_counted() -> DrawCount:
    members = [(L1, make_result({"CHC": 1})), (L2, make_failure("truncated"))]
    return count_case([make_draw()], members)


def not_counted() -> DrawCount:
    members = [(L1, make_failure("no such file")), (L2, make_failure("truncated"))]
    return count_case([make_draw()], members)


def describe(counted: DrawCount) -> list[str]:
    return [one.describe() for one in list_uncounted(counted.rows)]


def test_lot_that_failed_beside_one_that_counts_is_a_draw_partly_counted() -> None:
    assert describe(partly_counted()) == [PARTLY]


def test_draw_whose_lots_all_failed_is_one_line_with_all_reasons() -> None:
    line = "D1 was NOT COUNTED: A1: no such file; A2: truncated"
    assert describe(not_counted()) == [line]


def test_draw_with_a_failed_acquisition_of_a_lot_that_counts_is_counted() -> None:
    rows = [make_row(acquisition=name, fraction_stained=0.4) for name in ("A1", "A2")]
    members = list(zip(rows, (make_result(), make_failure("truncated")), strict=True))
    assert describe(count_case([make_draw()], members)) == []


def test_strict_fails_for_a_draw_partly_counted_and_names_the_part(tmp_path: Path) -> None:
    table = tmp_path / "counts.tsv"
    table.write_text(render_counts(partly_counted().rows), encoding="utf-8")
    with pytest.raises(ChcError) as error:
        require_counted(table, output=tmp_path / "strict.json")
    assert PARTLY in str(error.value)
    assert not (tmp_path / "strict.json").exists()


def test_strict_passes_where_everything_was_counted(tmp_path: Path) -> None:
    table = tmp_path / "counts.tsv"
    rows = count_case([make_draw()], [(L1, make_result())]).rows
    table.write_text(render_counts(rows), encoding="utf-8")
    require_counted(table, output=tmp_path / "strict.json")
    assert '"draws_counted": 1' in (tmp_path / "strict.json").read_text(encoding="utf-8")


def test_closing_lines_name_the_part_that_was_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = layout.batch_folder(Path("results")) / "report.html"
    write_record(layout.draw_folder(Path("results"), "D1") / "count.json", partly_counted())
    page.parent.mkdir(parents=True)
    page.touch()
    said = summarise(make_batch([make_draw()], [L1, L2]))
    assert "1 of 1 draws were counted, 1 of them partly." in said
    assert f"  {PARTLY}" in said
    assert "says what to do about what was not counted" in said
