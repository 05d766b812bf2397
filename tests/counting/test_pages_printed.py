"""What must never be printed (science.md section 6) stands on no page, whatever was measured."""

from __future__ import annotations

import datetime
import html
import re
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from count_cases import count_case, make_batch, make_draw, make_failure, make_result, make_row
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chc_gating.batch import layout
from chc_gating.counting.limit_calls import LimitsJudge
from chc_gating.counting.limits import assess_lots
from chc_gating.model.count import DrawCount
from chc_gating.model.limits import DonorCount, Limits
from chc_gating.model.monitor import PatientEvent
from chc_gating.monitoring.cohort import describe_cohort
from chc_gating.monitoring.patient import monitor_patient
from chc_gating.monitoring.rules import MonitorRules
from chc_gating.reporting.batch_page import render_batch_page
from chc_gating.reporting.draw_page import render_draw_page
from chc_gating.reporting.monitor_page import render_monitor_page
from chc_gating.stages.summarise import summarise
from chc_gating.storage.atomic import write_text
from chc_gating.storage.records import write_record

FORBIDDEN = re.compile(
    r"CellSearch|67568|LOINC"  # another assay's cut-offs, and its code
    r"|(CHC|CTC|patient|draw|result)s?[ -](is |are |was )?(positive|negative)\b"
    r"|(positive|negative) (for (?!one, another)|draw|patient|result)"
    r"|(?<!not a )(?<!no )diagnos"
    r"|significan|\bnan\b|\binf\b",
    re.IGNORECASE,
)
BOUND = re.compile(r"at most|one-sided|upper bound")


@cache
def find_limits() -> tuple[Limits, ...]:
    """Limits of 20 donors for lot L1, and for the blank lot."""
    found = []
    for lot in ("L1", None):
        donors = tuple(
            DonorCount(
                donor=f"N{i}",
                draw=f"N{i}-T1",
                collected_on="2026-01-05",
                lot=lot,
                software_version="0",
                volume_ml=5.0,
                counts={"CHC": (0, 0, 1, 0, 2)[i % 5], "CTC": 0, "CHC_EPCAM": 0},
            )
            for i in range(20)
        )
        found.append(
            Limits(
                software_version="0",
                inputs=(),
                parameters={},
                panel="chc3",
                gates="chc",
                lot=lot,
                panel_hash="0",
                gates_hash="0",
                background_exposure="volume",
                status="assessed",
                basis="own_lot",
                lots=assess_lots(donors, exposure="volume", min_donors=20),
                donors=donors,
            )
        )
    return tuple(found)


@cache
def keep_judge(*, limited: bool) -> LimitsJudge:
    return LimitsJudge(find_limits() if limited else (), loq_cv=0.2)


FOUND = st.fixed_dictionaries(
    {
        "fraction_stained": st.sampled_from([None, 0.4]),
        "fraction_acquired": st.sampled_from([None, 0.9]),
        "volume_acquired_ul": st.sampled_from([None, 900.0, 3000.0]),
        "dilution_factor": st.sampled_from([None, 2.0]),
        "lot": st.sampled_from([None, "L1"]),
        "fails": st.sampled_from([False, False, False, True]),
        "CHC": st.just(0) | st.integers(0, 400),
        "CTC": st.just(0) | st.integers(0, 9),
        "leukocyte": st.integers(0, 90_000),
    }
)
DRAWN = st.fixed_dictionaries(
    {
        "group": st.sampled_from([None, "A", "B"]),
        "stage": st.sampled_from([None, "II", "IV", "early"]),
        "volume_ml": st.sampled_from([None, 7.5]),
        "wbc_per_ul": st.sampled_from([None, 6200.0]),
        "preparation": st.sampled_from([None, "lysed"]),
        "recovered": st.none() | st.integers(1, 100),
        "found": st.lists(FOUND, max_size=2),
    }
)
CLASSES = ("CHC", "CTC", "leukocyte")


def build_draw(place: int, drawn: dict[str, Any]) -> DrawCount:
    """Draws 0 to 3 are of three patients, the fifth is a donor's."""
    cells = {name: value for name, value in drawn.items() if name != "found"}
    name = f"P{place % 3}-T{place}"
    spiked = None if drawn["recovered"] is None else 100
    row = make_draw(
        **{
            **cells,
            "spiked": spiked,
            "draw": name,
            "patient": f"P{place % 3}",
            "cohort": "donor" if place == 4 else "patient",
            "collected_on": datetime.date(2026, 1 + place, 5),
        }
    )
    members = []
    for i, found in enumerate(drawn["found"]):
        columns = {k: v for k, v in found.items() if k not in (*CLASSES, "fails")}
        result = make_result({name: found[name] for name in CLASSES})
        failed = make_failure("the file is cut short")
        members.append(
            (
                make_row(acquisition=f"D{place}A{i}", draw=name, **columns),
                failed if found["fails"] else result,
            )
        )
    return count_case([row], members, draw=name)


EVENTS = [PatientEvent(date="2026-06-30", kind="imaging", detail="PD")]
CEA = [("2026-01-05", "CEA", "ug/L", 3.0), ("2026-03-05", "CEA", "ug/L", 9.0)]


def write_pages(draws: list[DrawCount], *, limited: bool) -> dict[str, str]:
    """Every page and the closing lines, as `chc` would write them."""
    judge = keep_judge(limited=limited)
    judged = [judge.judge_draw(draw) for draw in draws]
    names = {draw.draw["draw"]: f"{draw.draw['draw']}.html" for draw in draws}
    pages = {
        f"draw {draw.draw['draw']}": render_draw_page(
            draw, [], judged=judge.bound_limits(groups), patient_link="monitor.html"
        )
        for draw, groups in judged
    }
    for patient in {draw.draw["patient"] for draw in draws}:
        own = [draw for draw, _ in judged if draw.draw["patient"] == patient]
        rules = MonitorRules(baseline_draws=1, cusum_low_per_ml=0.8, cusum_h=0.5)
        record = monitor_patient(
            patient, own, analytes=CEA, events=EVENTS, rules=rules, software_version="0"
        )
        pages[f"patient {patient}"] = render_monitor_page(record, links=names)
    pages["batch"] = render_batch_page(
        [draw for draw, _ in judged],
        links=names,
        version="0",
        limits=find_limits() if limited else (),
        judged={draw.draw["draw"]: groups for draw, groups in judged},
        cohort=describe_cohort(draws, software_version="0"),
    )
    pages["closing lines"] = write_closing_lines(draws)
    return pages


def write_closing_lines(draws: list[DrawCount]) -> str:
    rows = [
        make_draw(
            draw=d.draw["draw"],
            patient=d.draw["patient"],
            collected_on=datetime.date.fromisoformat(d.draw["collected_on"]),
        )
        for d in draws
    ]
    with tempfile.TemporaryDirectory() as folder:
        batch = replace(make_batch(rows, []), results_folder=Path(folder))
        for draw in draws:
            write_record(layout.draw_folder(Path(folder), draw.draw["draw"]) / "count.json", draw)
        write_text(layout.batch_folder(Path(folder)) / "report.html", "page")
        return summarise(batch)


def read_text(page: str) -> str:
    bare = re.sub(r"<(style|script|svg).*?</\1>", " ", page, flags=re.DOTALL)
    bare = re.sub(r"</(p|li|td|th|h\d|caption|dd|dt|tr)>", ".\n", bare)
    return html.unescape(re.sub(r"<[^>]*>", " ", bare))


@settings(
    derandomize=True,  # a commit's verdict does not hang on a draw of lots
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a whole page is slow to shrink
)
@given(drawn=st.lists(DRAWN, min_size=1, max_size=5), limited=st.booleans())
def test_no_page_says_what_must_never_be_printed(
    drawn: list[dict[str, Any]], limited: bool
) -> None:
    draws = [build_draw(place, one) for place, one in enumerate(drawn)]
    for name, page in write_pages(draws, limited=limited).items():
        text = read_text(page)
        found = FORBIDDEN.search(text)
        assert found is None, f"{name}: {text[max(0, found.start() - 60) : found.end() + 60]}"
        if name != "closing lines":
            assert "research use" in text.lower()
        assert not re.search(r">\s*None\s*</(td|dd)>|\bNone (in|per|to|of)\b", page), name
        assert_zeros_have_bounds(name, page)
        assert_lead_times_are_intervals(text)
        if not limited:
            assert not re.search(
                r"above the(ir own)? limit of blank(?! (of blank )?says)", text[:2000]
            )


def assert_zeros_have_bounds(name: str, page: str) -> None:
    """A zero of CHC or CTC stands with its bound: in its sentence, its cell or its table."""
    for sentence in re.split(r"(?<=[.;])\s", read_text(page)):
        if re.search(r"(?<![\d.,])0 (CHC|CTC)\b(?! and)", sentence):
            assert BOUND.search(sentence), f"{name}: {sentence}"
    for table in re.findall(r"<table.*?</table>", page, flags=re.DOTALL):
        for row in re.findall(r"<tr.*?</tr>", table, flags=re.DOTALL):
            label = r'data-label="(?:per 7\.5 mL|count)">\s*0\s*<'
            if re.search(label, row) and re.search(r"\b(CHC|CTC)\b", row):
                assert BOUND.search(row) or BOUND.search(table), f"{name}: {row}"


def assert_lead_times_are_intervals(text: str) -> None:
    for sentence in re.findall(r"From [^.\n]* to [^.:\n]*:[^\n]*", text):
        assert re.search(r"between|at least|at most|not bounded", sentence), sentence


def test_the_checks_find_what_they_look_for() -> None:
    for words in ("CHC positive", "a diagnosis", "CellSearch cut-off", "p significant", "nan"):
        assert FORBIDDEN.search(words), words
    assert not FORBIDDEN.search("These counts are not a diagnosis; it is no diagnosis.")
