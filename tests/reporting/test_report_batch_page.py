"""The page and the tables of a batch."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from example import PLANS, build_count
from page_text import PageText, read_words

from chc_gating.reporting.batch_page import list_not_counted, render_batch_page
from chc_gating.stages.report_batch import report_batch


def test_not_counted_draws_stand_on_top_with_reason_and_remedy(pages: dict[str, str]) -> None:
    words = read_words(pages["batch"])
    top = words[: words.index("Patients")]
    assert "7 of 8 draws counted, 1 of them without a number per 7.5 mL." in words
    assert "P02-T3 P02 the draw P02-T3-A: p02-t3.fcs: truncated" in top
    assert "Copy or export the raw file again" in top


def test_a_not_counted_draw_has_no_number_in_the_table(pages: dict[str, str]) -> None:
    words = read_words(pages["batch"])
    row = words[words.rindex("P02-T3") : words.index("Healthy donors")].strip()
    assert row.endswith("NOT COUNTED")
    assert not re.search(r"\d per 7\.5", row)


def test_a_modality_that_was_not_counted_stands_on_top_too() -> None:
    draw = build_count(PLANS[4])
    failed = {"status": "not_counted", "count": None, "reason": "no cuts: gates chc-slide"}
    rows = tuple(
        row if row.modality == "flow" else row.model_copy(update=failed) for row in draw.rows
    )
    found = list_not_counted([draw.model_copy(update={"rows": rows})], links={"P02-T2": "x.html"})
    assert [(entry.draw, entry.what) for entry in found] == [
        ("P02-T2", "Slide image, panel if4, gates chc-slide, lot L2508")
    ]


def test_a_draw_partly_counted_is_said_to_be_so() -> None:
    draw = build_count(PLANS[4])
    failed = {"status": "not_counted", "count": None, "reason": "no cuts: gates chc-slide"}
    rows = tuple(
        row if row.modality == "flow" else row.model_copy(update=failed) for row in draw.rows
    )
    partly = draw.model_copy(update={"rows": rows})
    page = render_batch_page([partly], links={"P02-T2": "x.html"}, version="0")
    assert "1 of 1 draw counted, 1 of them partly." in read_words(page)


def test_donors_stand_apart_from_patients(pages: dict[str, str]) -> None:
    words = read_words(pages["batch"])
    assert words.index("P02-T2") < words.index("Healthy donors") < words.index("D01-T1")


def test_draws_of_a_patient_are_in_the_order_of_their_dates(pages: dict[str, str]) -> None:
    words = read_words(pages["batch"])
    start = words.index("Patients")
    places = [words.index(date, start) for date in ("2025-09-02", "2025-10-14", "2025-12-09")]
    assert places == sorted(places)


def test_every_count_has_its_interval_and_every_zero_its_bound(pages: dict[str, str]) -> None:
    words = read_words(pages["batch"])
    assert "5.09 mL 17.7 9.1 to 30.9" in words
    # D01-T1, twice 0 in 5.0925 mL
    assert "5.09 mL 0 at most 4.4 0 at most 4.4" in words


def test_what_speaks_against_a_number_stands_beside_it_with_its_size(
    pages: dict[str, str],
) -> None:
    words = read_words(pages["batch"])
    assert "implied wbc differs (18-fold less)" in words
    # the six counted tubes with a volume, P02-T2 with its slide among them
    assert "Of 6 draws something speaks against the numbers: see the flags in bold." in words
    assert "cells touch (9 of 13)" in words


def test_no_number_is_said_with_its_reason_and_is_no_zero(pages: dict[str, str]) -> None:
    words = read_words(pages["batch"])
    assert "1 event no number per 7.5 mL" in words
    assert "none per 7.5 mL" not in words
    assert "No number per 7.5 mL: no volume of blood: fractions lacks fraction_acquired" in words


def test_links_lead_to_the_pages_of_the_draws(example_batch: Path) -> None:
    folder = example_batch / "results" / "batch"
    page = PageText((folder / "report.html").read_text(encoding="utf-8"))
    links = {value for tag, name, value in page.attributes if tag == "a" and name == "href"}
    draws = {link for link in links if link.startswith("../draws/")}
    assert len(draws) == len(PLANS)
    assert all((folder / link).is_file() for link in draws)
    patients = {plan.patient for plan in PLANS if plan.cohort == "patient"}
    assert links - draws == {f"../patients/{name}/monitor.html" for name in patients}


def test_links_hold_in_a_folder_with_blanks(example_batch: Path, tmp_path: Path) -> None:
    folder = tmp_path / "my batch"
    shutil.copytree(example_batch, folder)
    output = folder / "results" / "one more"
    report_batch(
        folder / "config" / "config.yaml",
        results=folder / "results",
        output=output,
        directory=folder,
    )
    assert 'href="../draws/P01-T1/report.html"' in (output / "report.html").read_text("utf-8")


def test_flags_are_counted_over_draws(pages: dict[str, str]) -> None:
    # every draw with a tube but the broken one
    assert "exposure_upper_bound 7" in read_words(pages["batch"])


def test_missing_limits_are_said_and_not_invented(pages: dict[str, str]) -> None:
    words = read_words(pages["batch"])
    assert "no limits were computed: not assessable" in words
    assert "limit of blank" not in words


def test_tables_lie_beside_the_page(example_batch: Path) -> None:
    folder = example_batch / "results" / "batch"
    lines = (folder / "counts.tsv").read_text(encoding="utf-8").splitlines()
    # 16 classes for each of 7 tubes and 1 slide, one row for the broken draw, one header
    assert len(lines) == 16 * 8 + 1 + 1
    assert (folder / "counts.parquet").is_file()
    assert "truncated" in (folder / "not_counted.tsv").read_text(encoding="utf-8")
