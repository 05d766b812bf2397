"""Figures: positions, contrast, choice of crops, and the same bytes each time."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from example import FLOW_GATES, FLOW_PANEL, PLANS, scale_edges
from hypothesis import given
from hypothesis import strategies as st

from chc_gating.gating.scale import invert_scale
from chc_gating.model.acquisition import ChannelQuality
from chc_gating.model.density import Density
from chc_gating.model.gates import PopulationGate, Ratio
from chc_gating.model.panel import Panel
from chc_gating.reporting.crop_gallery import choose_rows
from chc_gating.reporting.crop_pictures import choose_contrasts, stretch
from chc_gating.reporting.density_axis import BinAxis
from chc_gating.reporting.evidence import Candidates
from chc_gating.reporting.forest import ForestScale
from chc_gating.reporting.gate_lines import can_show
from chc_gating.reporting.gate_outlines import linear_bounds, trace_outline
from chc_gating.reporting.gate_plots import draw_densities
from chc_gating.reporting.hierarchy import describe_gate, list_hierarchy
from chc_gating.reporting.margins import MarginTable, choose_margins
from chc_gating.reporting.time_trace import draw_time_trace
from chc_gating.stages.evidence import read_evidence


def _candidates(chc: int, ctc: int) -> Candidates:
    number = chc + ctc
    return Candidates(
        number=np.arange(number),
        event=np.arange(number),
        time_bin=np.zeros(number, np.int64),
        phenotype=("CHC",) * chc + ("CTC",) * ctc,
        sub_phenotype=("",) * number,
        flags=((),) * number,
    )


@given(st.floats(-2000, 300000))
def test_a_value_lies_in_the_bin_that_counts_it(value: float) -> None:
    edges = scale_edges(-1000, 262144)
    place = float(BinAxis(edges).locate(value))
    clipped = min(max(value, edges[0]), edges[-1])
    expected = np.searchsorted(edges, clipped, side="right") - 1
    assert min(max(int(place), 0), 127) in (min(expected, 127), max(min(expected, 127) - 1, 0))
    assert 0 <= place <= 128


@pytest.mark.parametrize("edges", [scale_edges(-1000, 262144), np.linspace(0, 262144, 129)])
def test_tick_labels_do_not_touch(edges: np.ndarray) -> None:
    places, labels = BinAxis(edges).choose_ticks()
    assert len(labels) >= 3
    assert np.all(np.diff(places) >= 0.11 * 128)


def test_forest_places_zero_and_the_top_inside_the_strip() -> None:
    scale = ForestScale(1000.0)
    assert 0 < scale.place(0) < scale.place(1) < scale.place(10) < scale.place(1000) < 100


def test_crops_of_all_candidates_are_shown_where_they_fit() -> None:
    assert choose_rows(_candidates(3, 2), 50) == [3, 4, 0, 1, 2]


def test_crops_are_chosen_evenly_and_from_both_phenotypes() -> None:
    rows = choose_rows(_candidates(1000, 4), 50)
    assert len(rows) == 50
    assert rows[:4] == [1000, 1001, 1002, 1003]
    assert rows[4] == 0
    assert rows[-1] == 999
    assert choose_rows(_candidates(0, 70), 50)[-1] == 69
    assert len(choose_rows(_candidates(100, 100), 50)) == 50


def test_contrast_is_one_per_channel_and_never_below_twice_the_cut(example_batch: Path) -> None:
    folder = example_batch / "results" / "acquisitions" / "P02-T2-S"
    evidence = read_evidence(folder, acquisition="P02-T2-S")
    assert evidence.crops is not None
    dark = evidence.crops.pixels.copy()
    dark[:, 1] = 300
    crops = type(evidence.crops)(**{**vars(evidence.crops), "pixels": dark})
    contrasts = choose_contrasts(crops, evidence.result)
    assert [c.label for c in contrasts] == ["DAPI", "CD45", "EPCAM", "CK"]
    # CD45 is 300 everywhere and its band ends at 1,400
    assert (contrasts[1].low, contrasts[1].high) == (300.0, 3100.0)


def test_stretch_maps_black_and_white_to_the_ends() -> None:
    shown = stretch(np.array([[0.0, 100.0], [350.0, 900.0]]), 100, 600)
    assert shown.tolist() == [[0, 0], [132, 255]]


def test_hierarchy_ends_in_the_classes_of_the_phenotype_population(example_batch: Path) -> None:
    folder = example_batch / "results" / "acquisitions" / "P01-T1-A"
    rows = list_hierarchy(read_evidence(folder, acquisition="P01-T1-A").result)
    depths = {row.name: row.depth for row in rows}
    assert [depths[n] for n in ("all events", "intact", "singlet", "viable")] == [0, 1, 2, 3]
    assert (depths["CHC"], depths["CHC_EPCAM"], depths["leukocyte"]) == (4, 5, 4)


def test_gates_are_described_by_their_bounds() -> None:
    ratio = PopulationGate(ratio=Ratio(of=("FSC-A", "FSC-H"), within=(0.9, None)))
    assert describe_gate(ratio) == "FSC-A / FSC-H from 0.9"
    assert describe_gate(FLOW_GATES.populations["viable"]) == "VIA-"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"not": "b"}, "not b"),
        ({"or": ["b", "c"]}, "b or c"),
        ({"margins": ["FSC-A"]}, "FSC-A above 0 and below the detector's maximum"),
        (
            {"singlets": {"of": ["FSC-A", "FSC-H"]}},
            "FSC-A within 3 robust SD of its line over FSC-H",
        ),
        (
            {"quadrant": {"of": ["A", "B"], "dividers": [5, 6], "sides": ["low", "high"]}},
            "A below 5, B from 6",
        ),
        (
            {"polygon": {"of": ["A", "B"], "vertices": [[0, 0], [1, 0], [0, 1]]}},
            "polygon of 3 vertices in A, B",
        ),
        (
            {
                "imported": {
                    "kind": "and",
                    "references": [{"population": "b"}, {"population": "c", "complement": True}],
                }
            },
            "b and not c",
        ),
        (
            {
                "imported": {
                    "kind": "rectangle",
                    "dimensions": [{"channel": "A", "scale": {"kind": "logicle"}}],
                    "bounds": [[0.5, None]],
                }
            },
            "A (logicle) from 0.5",
        ),
    ],
)
def test_every_kind_of_gate_is_described_in_words(rule: dict[str, Any], words: str) -> None:
    assert describe_gate(PopulationGate.model_validate(rule)) == words


SQUARE = Density(
    population="all",
    x="A",
    y="B",
    x_edges=np.linspace(0, 1000, 129),
    y_edges=np.linspace(0, 1000, 129),
    x_scale="linear",
    y_scale="linear",
    counts=np.zeros((128, 128), dtype=np.uint32),
    stride=1,
)
AB_PANEL = Panel.model_validate({"name": "ab", "channels": {"A": {}, "B": {}}})


def test_an_ellipse_is_traced_at_its_distance() -> None:
    gate = PopulationGate.model_validate(
        {
            "ellipse": {
                "of": ["B", "A"],
                "mean": [100, 200],
                "covariance": [[400, 150], [150, 900]],
                "distance_square": 4,
            }
        }
    )
    curves = trace_outline(gate, SQUARE, AB_PANEL)
    assert curves is not None
    off = curves[0][:, ::-1] - [100, 200]  # back to the gate's order, B then A
    inverse = np.linalg.inv([[400, 150], [150, 900]])
    np.testing.assert_allclose(np.einsum("ki,ij,kj->k", off, inverse, off), 4.0)


def test_a_polygon_on_a_scale_is_traced_in_linear_units() -> None:
    gate = PopulationGate.model_validate(
        {
            "polygon": {"of": ["A", "B"], "vertices": [[0.3, 0.3], [0.6, 0.3], [0.3, 0.6]]},
            "scale": "transformed",
        }
    )
    curves = trace_outline(gate, SQUARE, AB_PANEL)
    assert curves is not None
    expected = invert_scale(np.array([0.3, 0.6]), AB_PANEL.transform)
    assert curves[0][0].tolist() == pytest.approx([expected[0], expected[0]])
    assert curves[0].max() == pytest.approx(expected[1])


def test_a_gate_on_another_matrix_is_not_traced() -> None:
    dimension = {"channel": "A", "compensation": "MySpill"}
    gate = PopulationGate.model_validate(
        {
            "imported": {
                "kind": "polygon",
                "dimensions": [dimension, {**dimension, "channel": "B"}],
                "vertices": [[0, 0], [1, 0], [0, 1]],
            }
        }
    )
    assert trace_outline(gate, SQUARE, AB_PANEL) is None
    assert can_show(gate, SQUARE)


def test_bounds_on_a_scale_are_drawn_where_they_are() -> None:
    gate = PopulationGate.model_validate({"rectangle": {"A": [0.5, None]}, "scale": "transformed"})
    expected = float(invert_scale(np.array([0.5]), AB_PANEL.transform)[0])
    assert linear_bounds(gate, AB_PANEL) == {"A": (pytest.approx(expected), None)}


def test_gates_are_drawn_over_their_parent_only(example_batch: Path) -> None:
    folder = example_batch / "results" / "acquisitions" / "P01-T1-A"
    pictures = draw_densities(read_evidence(folder, acquisition="P01-T1-A"), identifier="x")
    gated = [p.title for p in pictures if "Green: gate" in p.caption]
    assert gated == ["all events", "intact"]
    assert all("12 CHC and 3 CTC on top" in p.alt for p in pictures)
    assert {n for n in FLOW_PANEL.channels if n in pictures[0].svg} == {"FSC-A", "SSC-A"}


def test_figures_draw_at_most_500_candidates_of_a_phenotype_evenly_spaced() -> None:
    many = _candidates(35_483, 12)
    rows = many.drawn_rows_of("CHC")
    assert (len(rows), rows[0], rows[-1]) == (500, 0, 35_482)
    assert np.ptp(np.diff(rows)) <= 1
    assert many.describe_drawn("CHC") == "500 of 35,483 CHC"
    assert many.describe_drawn("CTC") == "12 CTC"
    assert len(_candidates(500, 0).drawn_rows_of("CHC")) == 500
    kept = replace(_candidates(35_483, 12), totals={"CHC": 2_500_000, "CTC": 40})
    assert kept.describe_drawn("CHC") == "500 of 2,500,000 CHC"
    assert kept.describe_drawn("CTC") == "12 of 40 CTC"


def test_a_density_says_how_many_candidates_it_draws(example_batch: Path) -> None:
    folder = example_batch / "results" / "acquisitions" / "P01-T1-A"
    evidence = read_evidence(folder, acquisition="P01-T1-A")
    channels = {"FSC-A": np.full(600, 1e5), "SSC-A": np.full(600, 1e5)}
    many = replace(_candidates(600, 0), compensated=channels)
    page = draw_densities(replace(evidence, candidates=many), identifier="x")
    assert "500 of 600 CHC on top" in page[0].alt
    assert "No candidate is drawn: candidates.parquet lacks" in page[3].caption


def test_margins_are_shown_only_where_something_gathers() -> None:
    def channel(name: str, *numbers: int | None) -> ChannelQuality:
        saturated, low, nonfinite = numbers
        return ChannelQuality(
            channel=name, saturated=saturated, at_lower_margin=low, nonfinite=nonfinite
        )

    quiet = [channel("FSC-A", 0, 1, 0), channel("SSC-A", 0, 0, 0)]
    assert choose_margins(quiet) == MarginTable(
        (),
        (
            "No saturated and no non-finite value in any channel, and no more than one value at "
            "the lower margin.",
        ),
    )
    loud = [channel("PE-A", 0, 2, 0), channel("APC-A", 3, 1, 0), channel("CK", None, None, 1)]
    table = choose_margins([*quiet, *loud])
    assert [row.channel for row in table.rows] == ["PE-A", "APC-A", "CK"]
    assert "in FSC-A, SSC-A" in table.sentences[0]
    # unknown is not none
    unknown = choose_margins([channel("DAPI", None, None, 0)])
    assert unknown.sentences == ("Saturation is not known in DAPI.",)
    # a slide has no lower margin
    slide = choose_margins([channel("DAPI", 0, None, 0)])
    assert slide.sentences == ("No saturated and no non-finite value in any channel.",)


def test_time_trace_counts_unstable_bins_and_candidates(example_batch: Path) -> None:
    folder = example_batch / "results" / "acquisitions" / "P01-T1-A"
    picture = draw_time_trace(read_evidence(folder, acquisition="P01-T1-A"), identifier="t")
    assert picture is not None
    assert picture.caption == (
        "4 of 48 bins are unstable (shaded). Ticks: upper row 12 CHC, lower row 3 CTC."
    )


def test_pages_are_the_same_bytes_in_another_process(
    example_batch: Path, pages: dict[str, str], tmp_path: Path
) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from chc_gating.stages.report_draw import report_draw\n"
        "batch, out = Path(sys.argv[1]), Path(sys.argv[2])\n"
        "report_draw(batch / 'config/config.yaml', draw='P02-T2', results=batch / 'results',"
        " output=out, directory=batch)\n"
    )
    batch = tmp_path / "batch"
    shutil.copytree(example_batch, batch)
    output = batch / "results" / "draws" / "P02-T2" / "again.html"
    environment = {"PYTHONHASHSEED": "7", "MPLBACKEND": "agg", "MPLCONFIGDIR": str(tmp_path)}
    subprocess.run(
        [sys.executable, "-c", code, str(batch), str(output)], check=True, env=environment
    )
    assert output.read_text(encoding="utf-8") == pages["P02-T2"]
    assert PLANS[4].draw == "P02-T2"
