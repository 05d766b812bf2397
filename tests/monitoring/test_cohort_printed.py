"""What may never be printed is not printed, whatever the batch holds."""

from __future__ import annotations

import re

from cohort_cases import make_acquisition, make_draw, make_row
from hypothesis import given, settings
from hypothesis import strategies as st

from chc_gating.model.count import DrawCount
from chc_gating.monitoring.cohort import describe_cohort
from chc_gating.reporting.cohort_section import SectionTable, build_cohort_sections

FORBIDDEN = re.compile(
    r"CellSearch|positive|negative for|significan|diagnos|lead time|67568|LOINC|healthy|cancer"
    r"|\*|†|‡|\bnan\b|\binf\b|(?-i:None)",
    re.IGNORECASE,
)
COUNT = st.integers(0, 40) | st.just(0)


@st.composite
def batches(draw: st.DrawFn) -> list[DrawCount]:
    found = []
    for i in range(draw(st.integers(0, 14))):
        name = f"P{draw(st.integers(0, 9))}-T{i}"
        chc, ctc = draw(COUNT), draw(COUNT)
        facts = {
            "group": draw(st.sampled_from(["A", "B"])),
            "stage": draw(st.sampled_from(["I", "II", "IV"])),
            "response": draw(st.sampled_from(["", "PR", "PD"])),
        }
        volume = draw(st.sampled_from([None, 0.05, 2.5, 5.0925]))
        slides = [
            make_row(name, "CHC", draw(COUNT), modality="image", panel="if4", exposure_ml=0.06)
        ]
        acquisitions = [
            make_acquisition(f"{name}-{who}", draw(COUNT), operator=who, replicate=who)
            for who in ("KL", "AB")
        ]
        found.append(
            make_draw(
                name,
                chc,
                ctc,
                facts=facts,
                rows=slides if draw(st.booleans()) else [],
                acquisitions=acquisitions if draw(st.booleans()) else [],
                exposure_ml=volume,
                cohort=draw(st.sampled_from(["patient", "patient", "donor", "spike"])),
                recovery=draw(st.sampled_from([None, 0.6])),
                collected_on=f"2026-01-{i + 1:02d}",
            )
        )
    return found


@settings(max_examples=15, deadline=None)
@given(draws=batches())
def test_no_forbidden_word_no_star_and_no_bare_zero(draws: list[DrawCount]) -> None:
    sections = build_cohort_sections(describe_cohort(draws, software_version="0"))
    for table in (*sections.groups, *sections.ratios, *sections.agreement):
        for text in list_texts(table):
            assert not FORBIDDEN.search(text), text
        for row in table.rows:
            assert not any(re.fullmatch(r"0( in .*)?", cell) for cell in row), row
            for name, cell in zip(table.columns, row, strict=True):
                if name in {"per 7.5 mL", "ratio of rates", "CHC over CTC"}:
                    assert_has_width(cell)


def list_texts(table: SectionTable) -> list[str]:
    return [table.heading, *table.sentences, *(cell for row in table.rows for cell in row)]


def assert_has_width(cell: str) -> None:
    """Assert that a number stands with an interval, and a zero with its bound."""
    words = ("reference", "not known", "above ", "0, at most ")
    assert cell.startswith(words) or re.fullmatch(r"\S+ \((\S+|no limit) to (\S+|no limit)\)", cell)


@settings(max_examples=8, deadline=None)
@given(draws=batches())
def test_small_groups_have_no_p(draws: list[DrawCount]) -> None:
    for found in describe_cohort(draws, software_version="0").comparisons:
        sizes = [level.draws for level in found.levels]
        if found.permutation is not None:
            assert min(sizes) >= 5
            assert 0 < found.permutation.p <= 1
        assert len({m.patient for m in found.members}) == len(found.members)
