"""The page of a draw: what it says, that it hides nothing, and that it leaks nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from example import FLOW_PANEL, PLANS, build_count
from page_text import PageText, read_words

from chc_gating.errors import ChcError, ConfigError
from chc_gating.model.acquisition import ChannelQuality
from chc_gating.model.count import ExpectedWbc
from chc_gating.model.flags import DRAW_FLAGS, EVENT_FLAGS
from chc_gating.model.panel import Panel
from chc_gating.reporting.draw_page import render_draw_page
from chc_gating.reporting.evidence import Evidence
from chc_gating.reporting.explanations import explain_candidate
from chc_gating.reporting.leukocytes import describe_wbc
from chc_gating.reporting.slide_map import draw_slide_map
from chc_gating.stages.evidence import read_evidence
from chc_gating.stages.report_draw import report_draw

NAMESPACES = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>'


def _evidence(example_batch: Path, acquisition: str) -> Evidence:
    folder = example_batch / "results" / "acquisitions" / acquisition
    return read_evidence(folder, acquisition=acquisition)


def test_page_opens_with_the_verdict_of_each_modality(pages: dict[str, str]) -> None:
    words = read_words(pages["P02-T2"])
    flow = words.index("5 CHC in 5.00 mL examined: 7.5 per 7.5 mL (95 % interval 2.4 to 17.5).")
    slide = words.index("8 CHC in 0.0600 mL examined: 1,000 per 7.5 mL")
    assert flow < slide < words.index("How much blood was examined")


def test_no_zero_of_chc_or_ctc_stands_without_its_bound(pages: dict[str, str]) -> None:
    words = read_words(pages["P01-T2"])
    # 0 in 4.8 mL: 2.995732 * 7.5 / 4.8 = 4.68
    assert "0 CHC in 4.80 mL examined: 0 per 7.5 mL, at most 4.7 (one-sided" in words
    assert "CHC circulating hybrid cell 0 0 0 at most 4.7 0" in words
    # 2.995732 events; in 1.8 million nucleated cells 1.66 per million
    assert (
        "A zero here means at most 3.0 events, 1.7 per million nucleated cells (one-sided 95 %)."
    ) in words
    assert "A class with 0 events has a mean of at most 3.0 events (one-sided 95 %)." in words


def test_what_speaks_against_a_number_stands_in_its_box(pages: dict[str, str]) -> None:
    words = read_words(pages["P01-T1"])
    box = (
        words[: words.index("With undecided")]
        if "With undecided" in words
        else words[: words.index("How much blood")]
    )
    # 1,750,000 / 5.0925 mL = 343.6 per uL; 6200 / 343.6 = 18.04
    assert (
        "The leukocytes counted imply 344 per uL, the blood count says 6,200: 18-fold less. "
        "The exposure or the gates are wrong, or cells were lost; do not use the number per "
        "7.5 mL before this is explained."
    ) in box
    assert 'class="verdict doubtful"' in pages["P01-T1"]
    # without a volume nothing speaks against the count of D02-T1
    assert 'class="verdict doubtful"' not in pages["D02-T1"]
    assert "by a factor above 2 (18-fold less) implied_wbc_differs" in words


def test_margins_on_the_page_leave_out_time_and_what_a_slide_has_not(
    example_batch: Path,
) -> None:
    evidence = _evidence(example_batch, "P01-T1-A")
    channels = (
        ChannelQuality(channel="Time", saturated=None, at_lower_margin=5, nonfinite=0),
        ChannelQuality(channel="APC-A", saturated=None, at_lower_margin=None, nonfinite=2),
    )
    quality = evidence.quality.model_copy(update={"channels": channels})
    page = render_draw_page(build_count(PLANS[0]), [replace(evidence, quality=quality)])
    words = read_words(page)
    assert "channel saturated not finite APC-A not known 2" in words
    assert "Time not known" not in words


def test_touching_candidates_are_in_the_box_of_the_slide(pages: dict[str, str]) -> None:
    assert "9 of 13 candidates touch a neighbour" in read_words(pages["P02-T2"])


def test_slide_without_candidates_shows_its_cells(example_batch: Path) -> None:
    evidence = _evidence(example_batch, "P02-T2-S")
    nobody = replace(
        evidence.candidates,
        phenotype=(),
        centroid_y_px=np.empty(0),
        centroid_x_px=np.empty(0),
    )
    picture = draw_slide_map(replace(evidence, candidates=nobody), identifier="s")
    assert picture is not None
    assert "Grey: the slide's DNA in squares of 20.8 um. No candidates." in picture.caption
    assert "<image" in picture.svg
    older = replace(evidence, candidates=nobody, overview=None)
    picture = draw_slide_map(older, identifier="s")
    assert picture is not None
    assert "Grey: density of all cells. No candidates." in picture.caption
    assert draw_slide_map(replace(older, cells=None), identifier="s") is None


def test_crops_point_to_the_candidates_centre_and_say_so(pages: dict[str, str]) -> None:
    # 64 pixels, the centroid in pixel 32: 32.5 / 64
    assert pages["P02-T2"].count('style="--centre:50.78%"') == 15 * 5
    words = read_words(pages["P02-T2"])
    assert "the four ticks at its edges point to the candidate's centre" in words
    assert "background-subtracted grey levels, so that a cell darker than" in words
    assert "cell id 1000" in words
    assert "A cell id is the index of its seed pixel" in words


def test_undecided_events_are_added_beside_the_count(pages: dict[str, str]) -> None:
    # P01-T1: 12 CHC, 4 indeterminate and 1 invalid candidate
    words = read_words(pages["P01-T1"])
    assert "CHC circulating hybrid cell 12 17 17.7 9.1 to 30.9" in words
    assert "5 further events could have been CHC or CTC" in words


def test_counts_with_moved_cuts_stand_beside_the_count(pages: dict[str, str]) -> None:
    # 12 // 6 = 2 more and 2 fewer, 1 saturated
    assert "17.7 9.1 to 30.9 6.7 14 10 11" in read_words(pages["P01-T1"])


def test_exposure_is_explained_step_by_step(pages: dict[str, str]) -> None:
    page = PageText(pages["P01-T1"])
    assert "times fraction_stained 0.8 times fraction_acquired 0.875" in page.words
    assert "Exposure: 5.09 mL of blood" in page.words


def test_implied_leukocytes_stand_beside_the_blood_count(pages: dict[str, str]) -> None:
    # 1,750,000 / 5.0925 mL = 343.6 per uL; 6200 / 343.6 = 18.04
    assert (
        "The leukocytes counted imply 344 per uL of blood; the blood count says 6,200 "
        "(leukocytes): 18-fold less. Recovery is not in the implied number"
    ) in read_words(pages["P01-T1"])


def test_a_blank_preparation_leaves_the_blood_count_unjudged() -> None:
    rows = [row for row in build_count(PLANS[0]).rows if row.modality == "flow"]
    said = describe_wbc(rows, ExpectedWbc(blanks=("preparation",)))
    assert said == (
        "The leukocytes counted imply 344 per uL of blood. It cannot be held beside the blood "
        "count: preparation is blank in the draws sheet. Recovery is not in the implied number; it "
        "is in the numbers per 7.5 mL where it is known."
    )


def test_missing_volume_names_the_column_and_gives_no_rate(pages: dict[str, str]) -> None:
    words = read_words(pages["D02-T1"])
    assert "No number per 7.5 mL: no volume of blood: fractions lacks fraction_acquired." in words
    assert "1 CHC among 1,800,000 nucleated cells; no number per 7.5 mL." in words


def test_limits_that_do_not_exist_are_said_to_be_not_assessable(pages: dict[str, str]) -> None:
    assert "not assessable (no limits were computed)" in read_words(pages["P01-T1"])


def test_nothing_is_called_positive_or_diagnosed(pages: dict[str, str]) -> None:
    for page in pages.values():
        words = read_words(page)
        assert not re.search(r"(CHC|CTC)[- ]positive|positive for (CHC|CTC)", words)
        assert "For research use" in words


def test_not_counted_draw_has_a_full_page_and_no_number(pages: dict[str, str]) -> None:
    words = read_words(pages["P02-T3"])
    assert "NOT COUNTED: P02-T3-A: p02-t3.fcs: truncated" in words
    assert "Copy or export the raw file again" in words
    assert "per 7.5 mL" not in words
    assert "CD45+ and (EPCAM+ or CK+)" in words
    assert "drawn_at" in words
    assert "raw/p02-t3-a.fcs" in words


def test_a_modality_that_was_not_counted_says_so_beside_one_that_was(
    example_batch: Path,
) -> None:
    draw = build_count(PLANS[4])
    rows = tuple(
        row
        if row.modality == "flow"
        else row.model_copy(
            update={"status": "not_counted", "count": None, "reason": "no cuts: gates chc-slide"}
        )
        for row in draw.rows
    )
    page = render_draw_page(
        draw.model_copy(update={"rows": rows}), [_evidence(example_batch, "P02-T2-A")]
    )
    words = read_words(page)
    assert "5 CHC in 5.00 mL examined" in words
    assert "NOT COUNTED: no cuts: gates chc-slide. What to do. Read the densities" in words
    assert "8 CHC" not in words


def test_every_raised_flag_is_explained_in_words(pages: dict[str, str]) -> None:
    words = read_words(pages["P01-T1"])
    for flag in ("exposure_upper_bound", "not_corrected_for_recovery"):
        assert DRAW_FLAGS[flag] in words
    assert EVENT_FLAGS["leans_on_saturated"] in words


def test_hierarchy_lists_gates_with_rules_and_percent_of_parent(pages: dict[str, str]) -> None:
    words = read_words(pages["P01-T1"])
    assert "singlet FSC-A / FSC-H from 0.9 below 1.6 1,980,000 92.1 % 3" in words


def test_every_figure_has_words_for_those_who_cannot_see_it(pages: dict[str, str]) -> None:
    page = PageText(pages["P02-T2"])
    labels = [v for tag, name, v in page.attributes if tag == "div" and name == "aria-label"]
    assert (
        "Density of viable, EPCAM (PE-A) against CD45 (APC-A), with the cuts of CD45, EPCAM, "
        in (" ".join(labels))
    )
    images = sum(tag == "img" for tag in page.tags)
    assert images == sum(tag == "img" and name == "alt" for tag, name, _ in page.attributes)


def test_table_headers_have_a_scope(pages: dict[str, str]) -> None:
    for text in pages.values():
        page = PageText(text)
        scopes = sum(tag == "th" and name == "scope" for tag, name, _ in page.attributes)
        assert scopes == page.tags.count("th") > 0


def test_ids_are_unique_on_a_page(pages: dict[str, str]) -> None:
    ids = [value for _, name, value in PageText(pages["P02-T2"]).attributes if name == "id"]
    assert len(ids) == len(set(ids)) > 100


def test_pages_ask_nothing_of_the_network(pages: dict[str, str]) -> None:
    for text in pages.values():
        assert set(re.findall(r"https?://[^\s\"'<>)]+", text)) <= NAMESPACES
        page = PageText(text)
        assert not {"script", "iframe", "object", "embed"} & set(page.tags)
        links = [v for _, name, v in page.attributes if name in ("src", "href", "xlink:href")]
        inside = ("data:", "#", "../draws/", "../patients/", "../../patients/")
        assert all(v.startswith(inside) for v in links)


def test_columns_outside_the_allow_list_never_reach_a_page(pages: dict[str, str]) -> None:
    # `operator` of the acquisitions sheet names a person
    assert all("must-not-be-shown" not in text for text in pages.values())


def test_hostile_text_is_shown_and_never_run(example_batch: Path) -> None:
    draw = build_count(PLANS[0])
    cells = {**draw.draw, "note": HOSTILE, "patient": HOSTILE}
    hostile = draw.model_copy(update={"draw": cells, "notes": (HOSTILE,), "reason": HOSTILE})
    evidence = _evidence(example_batch, "P01-T1-A")
    name = f"{HOSTILE}&APC-A"
    channels = {n if n != "APC-A" else name: c for n, c in FLOW_PANEL.channels.items()}
    panel = FLOW_PANEL.model_copy(update={"channels": channels})
    result = evidence.result.model_copy(update={"repairs": (HOSTILE,), "panel": panel})
    page = PageText(render_draw_page(hostile, [Evidence(**{**vars(evidence), "result": result})]))
    assert HOSTILE in page.words
    assert "script" not in page.tags
    assert not any(name.startswith("on") for _, name, _ in page.attributes)


def test_gallery_has_a_row_per_candidate_with_every_channel(pages: dict[str, str]) -> None:
    page = PageText(pages["P02-T2"])
    alts = [value for tag, name, value in page.attributes if tag == "img" and name == "alt"]
    # 8 CHC, 5 CTC and 2 controls, four channels and the composite
    assert len(alts) == 15 * 5
    assert "DAPI of control cell 7" in alts
    assert {"DAPI of candidate 0", "CK of candidate 0", "composite of candidate 0"} <= set(alts)
    assert "the white bar is 10 um" in page.words


def test_page_of_a_slide_with_fifty_candidates_is_below_two_megabytes(
    example_batch: Path,
) -> None:
    # 13 candidates of 64 pixels; 50 of 123 pixels are shrunk to 61, so no larger each
    size = (example_batch / "results" / "draws" / "P02-T2" / "report.html").stat().st_size
    assert size / 13 * 50 < 2_000_000


def test_unknown_draw_is_refused_with_what_to_do(example_batch: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such draw .*'P09-T9'"):
        report_draw(
            example_batch / "config" / "config.yaml",
            draw="P09-T9",
            results=example_batch / "results",
            output=tmp_path / "report.html",
            directory=example_batch,
        )
    assert not (tmp_path / "report.html").exists()


def test_crops_of_other_candidates_are_refused(example_batch: Path, tmp_path: Path) -> None:
    source = example_batch / "results" / "acquisitions" / "P02-T2-S"
    for file in source.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    text = (tmp_path / "crops.json").read_text(encoding="utf-8")
    (tmp_path / "crops.json").write_text(re.sub(r"\b1000,", "5,", text, count=1))
    with pytest.raises(ChcError, match="names other candidates"):
        read_evidence(tmp_path, acquisition="P02-T2-S")


def test_outlines_of_nucleus_and_ring_are_drawn_once_a_card(pages: dict[str, str]) -> None:
    page = pages["P02-T2"]
    assert page.count("<defs><path") == 15
    assert page.count('<use class="ring"') == page.count('<use class="nucleus"') == 15 * 5
    assert "solid" in page


def test_a_card_says_what_could_explain_the_candidate() -> None:
    columns = {
        "diameter_um": np.array([17.4]),
        "nearest_leukocyte_um": np.array([9.6]),
        "chance_leukocyte_nearer": np.array([0.41]),
        "spill_share:panCK": np.array([0.83]),
        "spill_p:CD45": np.array([0.001]),
        "dna_relative": np.array([np.nan]),
    }
    panel = Panel.model_validate(
        {
            "name": "p",
            "modality": "image",
            "channels": {"panCK": {"marker": "CK", "role": "epithelial"}},
        }
    )
    told = explain_candidate(
        columns, 0, flags=("neighbour_spill", "touches_neighbour"), panel=panel, positive={"panCK"}
    )
    assert told.doubts == ("a neighbour's light may explain a marker of this candidate",)
    assert dict(told.measured) == {
        "across": "17 um",
        "next leukocyte": "10 um (as near by chance: 41 %)",
        "neighbours light its ring by": "CK 83 %",
    }
