"""counts.tsv, its typed twin, and not_counted.tsv."""

from __future__ import annotations

import csv
import io

from count_cases import FRACTIONS, count_case, make_draw, make_failure, make_result, make_row

from chc_gating.counting.table import (
    NOT_COUNTED_COLUMNS,
    counts_to_arrow,
    parse_counts,
    render_counts,
    render_not_counted,
)
from chc_gating.model.count import COUNT_COLUMNS, DrawCount

CONTRACT = """
draw patient cohort collected_on modality panel gates lot phenotype count exposure_ml
exposure_source recovery exposure_cv per_7_5_ml ci95_low_per_7_5_ml ci95_high_per_7_5_ml
upper95_per_7_5_ml per_ml nucleated_cells per_50k_nucleated per_million_nucleated
implied_wbc_per_ul count_without_saturated count_low_cut count_high_cut
expected_background p_background expected_coincidence lob_count lod_count loq_count call
flags status reason software_version config_hash
"""
"""The columns of counts.tsv in the order in which the interface names them."""


def counted_draw() -> DrawCount:
    result = make_result({"CHC": 12, "leukocyte": 30_000_000}, nucleated_events=100_000)
    draw = make_draw(spiked=1000, recovered=750)
    return count_case([draw], [(make_row(lot="007", **FRACTIONS), result)])


def failed_draw() -> DrawCount:
    rows = [make_row(acquisition=name, **FRACTIONS) for name in ("A1", "A2")]
    return count_case([make_draw()], [(row, make_failure("cut\tshort\nat byte 7")) for row in rows])


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))


def test_columns_are_those_of_the_contract() -> None:
    assert render_counts([]).rstrip("\n").split("\t") == CONTRACT.split()


def test_rows_come_back_from_the_table_as_they_were() -> None:
    rows = [*counted_draw().rows, *failed_draw().rows]
    back = list(parse_counts(render_counts(rows)))
    told = [
        row.model_copy(update={"reason": " ".join(row.reason.split())}) if row.reason else row
        for row in rows
    ]
    assert back == told


def test_tab_and_line_end_in_a_reason_do_not_break_the_table() -> None:
    lines = render_counts(failed_draw().rows).splitlines()
    assert {line.count("\t") for line in lines} == {len(COUNT_COLUMNS) - 1}


def test_not_counted_row_has_empty_cells_and_no_zero() -> None:
    row = read(render_counts(failed_draw().rows))[0]
    filled = {name for name, text in row.items() if text}
    assert filled == {
        *("draw", "patient", "cohort", "collected_on", "modality", "panel", "gates"),
        *("phenotype", "status", "reason", "software_version", "config_hash"),
    }


def test_lot_that_looks_like_a_number_stays_as_it_was() -> None:
    assert read(render_counts(counted_draw().rows))[0]["lot"] == "007"


def test_arrow_table_holds_the_same_values_with_types() -> None:
    import pyarrow

    rows = [*counted_draw().rows, *failed_draw().rows]
    table = counts_to_arrow(rows)
    assert table.column_names == CONTRACT.split()
    assert table.schema.field("count").type == pyarrow.int64()
    assert table.schema.field("lod_count").type == pyarrow.float64()
    assert table.schema.field("lot").type == pyarrow.string()
    assert table.to_pylist() == [row.model_dump() for row in rows]


def test_arrow_table_of_no_rows_keeps_its_types() -> None:
    assert counts_to_arrow([]).schema == counts_to_arrow(counted_draw().rows).schema


def test_failed_acquisitions_are_listed_once_each() -> None:
    lines = read(render_not_counted([counted_draw(), failed_draw()]))
    assert [line["acquisition"] for line in lines] == ["A1", "A2"]
    assert {line["reason"] for line in lines} == {"cut short at byte 7"}
    assert {line["panel"] for line in lines} == {"chc3"}


def test_draw_is_listed_where_no_acquisition_is_to_blame() -> None:
    beads = {"bead_population": "beads", "beads_added": 100.0, "blood_in_tube_ml": 9.0}
    member = (make_row(**beads), make_result(bead_events=100))
    (line,) = read(render_not_counted([count_case([make_draw()], [member])]))
    assert (line["acquisition"], line["panel"]) == ("", "chc3")
    assert "above the draw's volume_ml" in line["reason"]


def test_excess_is_listed_beside_an_acquisition_that_failed() -> None:
    beads = {"bead_population": "beads", "beads_added": 100.0, "blood_in_tube_ml": 9.0}
    members = [
        (make_row(acquisition="A1", **beads), make_result(bead_events=100)),
        (make_row(acquisition="A2", **beads), make_failure("truncated")),
    ]
    lines = read(render_not_counted([count_case([make_draw()], members)]))
    assert [line["acquisition"] for line in lines] == ["", "A2"]


def test_failed_acquisition_of_a_counted_draw_is_listed() -> None:
    rows = [make_row(acquisition=name, fraction_stained=0.4) for name in ("A1", "A2")]
    members = list(zip(rows, (make_result(), make_failure("truncated")), strict=True))
    (line,) = read(render_not_counted([count_case([make_draw()], members)]))
    assert (line["acquisition"], line["status"]) == ("A2", "not_counted")


def test_draw_without_acquisitions_is_listed_without_modality() -> None:
    (line,) = read(render_not_counted([count_case([make_draw()], [])]))
    assert (line["draw"], line["modality"]) == ("D1", "")


def test_not_counted_of_no_draws_is_its_header() -> None:
    assert render_not_counted([]) == "\t".join(NOT_COUNTED_COLUMNS) + "\n"
