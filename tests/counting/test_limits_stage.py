"""`chc limits` from donors' counts to limits.json, and limits joined to a patient's counts."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest
from count_cases import CONFIG_FILE, GATES_FILE, PANEL_FILE
from donor_counts import COUNTS, UNEQUAL, make_count, make_donors

from chc_gating.batch import layout
from chc_gating.batch.configuration import load_batch
from chc_gating.batch.fingerprints import hash_measuring_panel
from chc_gating.counting.limit_calls import LimitsJudge
from chc_gating.errors import ChcError
from chc_gating.model.count import DrawCount
from chc_gating.model.limits import Limits
from chc_gating.model.monitor import Monitor
from chc_gating.model.panel import Panel
from chc_gating.stages.limits import limits
from chc_gating.stages.monitor import monitor
from chc_gating.stages.report_batch import report_batch
from chc_gating.storage.records import read_record, write_record

PATIENT = make_count("P01-T1", "P01", cohort="patient", chc=3)


SLIDE_PANEL_FILE = PANEL_FILE.replace("flow", "image") + "  D: {role: dna}\n"


def write_batch(
    folder: Path,
    draws: Sequence[DrawCount],
    settings: str = "  strict: false\n",
    *,
    gates: str = GATES_FILE,
    modality: str = "flow",
) -> Path:
    """Write a batch with these draws, and their count.json files."""
    rows = ["draw\tpatient\tcohort\tcollected_on"]
    acquisitions = ["acquisition\tdraw\tmodality\tfile\tpanel\tgates\tlot"]
    for draw in draws:
        rows.append("\t".join(draw.draw[name] for name in rows[0].split("\t")))
        for lot in dict.fromkeys(row.lot for row in draw.rows):
            name = f"{draw.draw['draw']}-{lot or 'x'}"
            cells = [name, draw.draw["draw"], modality, f"{name}.raw", "chc3", "chc", lot or ""]
            acquisitions.append("\t".join(cells))
        count = layout.draw_folder(folder / "results", draw.draw["draw"]) / "count.json"
        count.parent.mkdir(parents=True)
        write_record(count, draw)
    texts = {
        "config.yaml": CONFIG_FILE + "settings:\n" + settings,
        "draws.tsv": "\n".join(rows) + "\n",
        "acquisitions.tsv": "\n".join(acquisitions) + "\n",
        "panels/chc3.yaml": PANEL_FILE if modality == "flow" else SLIDE_PANEL_FILE,
        "gates/chc.yaml": gates,
    }
    for name, text in texts.items():
        path = folder / "config" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def run_limits(folder: Path, lot: str | None = "L1") -> Limits:
    results = folder / "results"
    output = layout.limits_file(results, "chc3", gates="chc", lot=lot)
    output.parent.mkdir(parents=True, exist_ok=True)
    limits(
        folder / "config/config.yaml",
        panel="chc3",
        gates="chc",
        lot=layout.name_lot(lot),
        results=results,
        output=output,
        directory=folder,
    )
    return read_record(output, Limits)


def judge(found: Limits, draw: DrawCount = PATIENT) -> dict[str | None, object]:
    judged, _ = LimitsJudge([found], loq_cv=0.2).judge_draw(draw)
    return {row.phenotype: row for row in judged.rows}


def test_20_donors_give_the_numbers_of_the_table(tmp_path: Path) -> None:
    found = run_limits(write_batch(tmp_path, [*make_donors(), PATIENT]))
    assert (found.status, found.basis, len(found.donors)) == ("assessed", "own_lot", 20)
    background = found.lots[0].phenotypes[0]
    assert background.phenotype == "CHC"
    # [C] science.md section 3: the same counts, E = 4, 5, 6, 5 repeated, at E = 5
    assert background.rate == pytest.approx(0.138690, abs=5e-7)
    assert background.alpha == pytest.approx(1.208865, abs=5e-7)
    assert background.example_exposure == 5
    assert (background.lob_count, background.lob_upper90_count) == (3, 4)
    assert background.lob_without_one_donor == (2, 3)
    assert background.lod_count == pytest.approx(7.889833, abs=1.1e-6)
    assert background.ep17.nonparametric_lob is None
    assert "equal exposures" in str(background.ep17.reason)


def test_leukocytes_and_undecided_events_have_no_limits(tmp_path: Path) -> None:
    found = run_limits(write_batch(tmp_path, [*make_donors(), PATIENT]))
    assert [b.phenotype for b in found.lots[0].phenotypes] == ["CHC", "CHC_EPCAM", "CTC"]


def test_equal_exposures_have_ep17_beside_them(tmp_path: Path) -> None:
    found = run_limits(write_batch(tmp_path, [*make_donors(exposures=[5.0] * 20), PATIENT]))
    # rank 0.5 + 0.95 x 20 = 19.5 of ..., 2, 5
    assert found.lots[0].phenotypes[0].ep17.nonparametric_lob == 3.5


@pytest.mark.parametrize(
    ("exposure", "count", "p", "lob", "call"),
    [
        (2.5, 3, 0.019171, 2, "detected"),
        (5.0, 3, 0.072730, 3, "below_lob"),
        (10.0, 3, 0.196288, 5, "below_lob"),
        (5.0, 0, 1.0, 3, "not_detected"),
        (5.0, 400, 0.0, 3, "detected"),
    ],
)
def test_a_patient_is_held_to_the_limit_at_the_own_exposure(
    tmp_path: Path, exposure: float, count: int, p: float, lob: int, call: str
) -> None:
    found = run_limits(write_batch(tmp_path, [*make_donors(), PATIENT]))
    draw = make_count("P01-T1", "P01", cohort="patient", chc=count, exposure_ml=exposure)
    row = judge(found, draw)["CHC"]
    assert row.p_background == pytest.approx(p, abs=5e-7)  # [C]
    assert (row.lob_count, row.call) == (lob, call)
    assert row.loq_count is None  # alpha 1.2 is above 0.2^2: no count can be quantified


def test_poisson_background_can_be_quantified_from_25_counts(tmp_path: Path) -> None:
    found = run_limits(write_batch(tmp_path, [*make_donors([0] * 20), PATIENT]))
    row = judge(found, make_count("P01-T1", "P01", cohort="patient", chc=25))["CHC"]
    assert (row.loq_count, row.call) == (pytest.approx(25), "quantifiable")
    assert row.lob_count == 0
    assert row.expected_background == pytest.approx(0.5 * 5 / 100)  # Jeffreys, K = 0


def test_rows_without_limits_stay_empty(tmp_path: Path) -> None:
    row = judge(run_limits(write_batch(tmp_path, [*make_donors(), PATIENT])))["leukocyte"]
    assert (row.lob_count, row.call) == (None, "not_assessable")


def test_coincidence_beyond_the_donors_raises_the_limit(tmp_path: Path) -> None:
    donors = [
        make_count(f"N{i}-T1", f"N{i}", chc=int(k), exposure_ml=e, expected_coincidence=e * 0.1)
        for i, (k, e) in enumerate(zip(COUNTS, UNEQUAL.tolist(), strict=True))
    ]
    found = run_limits(write_batch(tmp_path, [*donors, PATIENT]))
    same = make_count("P01-T1", "P01", cohort="patient", chc=3, expected_coincidence=0.5)
    more = make_count("P01-T1", "P01", cohort="patient", chc=3, expected_coincidence=4.5)
    assert judge(found, same)["CHC"].lob_count == 3
    assert judge(found, more)["CHC"].lob_count > 3
    assert judge(found, more)["CHC"].expected_background == pytest.approx(0.693449 + 4, abs=1e-6)


def test_19_donors_are_not_assessable(tmp_path: Path) -> None:
    found = run_limits(write_batch(tmp_path, [*make_donors(COUNTS[1:], UNEQUAL[1:]), PATIENT]))
    assert (found.status, found.basis) == ("not_assessable", "none")
    assert found.reason == "19 healthy donors of lot L1 counted, and limits need 20"
    row = judge(found)["CHC"]
    assert (row.call, row.lob_count, row.p_background) == ("not_assessable", None, None)


def test_a_batch_without_donors_is_not_assessable(tmp_path: Path) -> None:
    found = run_limits(write_batch(tmp_path, [PATIENT]))
    assert found.reason == "0 healthy donors of lot L1 counted, and limits need 20"


def test_the_earliest_draw_of_a_donor_counts(tmp_path: Path) -> None:
    later = make_count("N01-T2", "N01", chc=9, collected_on="2026-02-01")
    found = run_limits(write_batch(tmp_path, [later, *make_donors(), PATIENT]))
    assert [d.draw for d in found.donors if d.donor == "N01"] == ["N01-T1"]
    assert [(one.draw, one.reason) for one in found.left_out] == [
        ("N01-T2", "a later draw of this donor; N01-T1 counts")
    ]


def test_donors_without_count_or_volume_are_left_out_with_the_reason(tmp_path: Path) -> None:
    draws = [
        make_count("N90-T1", "N90", chc=None),
        make_count("N91-T1", "N91", exposure_ml=None),
        make_count("N92-T1", "N92", exposure_source="volume_ml"),
    ]
    found = run_limits(write_batch(tmp_path, [*make_donors(), *draws, PATIENT]))
    reasons = {one.draw: one.reason for one in found.left_out}
    assert reasons["N90-T1"] == "not counted: nothing measured"
    assert reasons["N91-T1"] == "no volume of blood is known"
    assert "whole blood" in reasons["N92-T1"]
    assert len(found.donors) == 20


def test_nucleated_cells_can_be_the_exposure(tmp_path: Path) -> None:
    donors = [
        make_count(f"N{i}-T1", f"N{i}", chc=int(k), exposure_ml=None, nucleated=int(e * 1e5))
        for i, (k, e) in enumerate(zip(COUNTS, UNEQUAL, strict=True))
    ]
    batch = write_batch(tmp_path, [*donors, PATIENT], "  background_exposure: nucleated_cells\n")
    patient = make_count("P01-T1", "P01", cohort="patient", chc=3, nucleated=250_000)
    row = judge(run_limits(batch), patient)["CHC"]
    assert row.expected_background == pytest.approx(0.346724, abs=5e-7)  # [C] E = 2.5
    assert row.lob_count == 2


def test_a_patient_without_the_exposure_is_not_assessable(tmp_path: Path) -> None:
    found = run_limits(write_batch(tmp_path, [*make_donors(), PATIENT]))
    draw = make_count("P01-T1", "P01", cohort="patient", chc=3, exposure_ml=None)
    judged, groups = LimitsJudge([found], loq_cv=0.2).judge_draw(draw)
    assert {row.call for row in judged.rows} == {"not_assessable"}
    assert groups["chc3", "chc", "L1"].reason == "no volume of blood is known"


def test_lots_are_kept_apart(tmp_path: Path) -> None:
    second = make_donors([4] * 20, [5.0] * 20, lot="L2", first=51)
    batch = write_batch(tmp_path, [*make_donors(), *second, PATIENT])
    assert judge(run_limits(batch))["CHC"].lob_count == 3
    other = make_count("P02-T1", "P02", cohort="patient", chc=3, lot="L2")
    assert judge(run_limits(batch, "L2"), other)["CHC"].lob_count > 6


def test_a_lot_without_donors_takes_the_worst_lot_flagged(tmp_path: Path) -> None:
    second = make_donors([4] * 20, [5.0] * 20, lot="L2", first=51)
    new = make_count("P02-T1", "P02", cohort="patient", chc=6, lot="L3")
    found = run_limits(write_batch(tmp_path, [*make_donors(), *second, new]), "L3")
    assert found.basis == "worst_lot"
    assert "lot L3 has 0 donors of its own" in found.notes[0]
    row = judge(found, new)["CHC"]
    assert row.call == "below_lob"
    assert row.lob_count > 6
    assert "limits_of_other_lot" in row.flags


def test_donors_of_an_earlier_batch_join_by_the_hash_of_panel_and_gates(tmp_path: Path) -> None:
    earlier = write_batch(tmp_path / "earlier", [*make_donors(COUNTS[:12], UNEQUAL[:12]), PATIENT])
    run_limits(earlier)
    file = tmp_path / "earlier/results/limits/chc3/chc/L1/limits.json"
    repeated = make_count("N01-T9", "N01", chc=7, collected_on="2026-06-01")
    rest = make_donors(COUNTS[12:], UNEQUAL[12:], first=13)
    now = write_batch(tmp_path / "now", [*rest, repeated, PATIENT], f"  limits: ['{file}']\n")
    found = run_limits(now)
    assert found.status == "assessed"
    assert found.lots[0].phenotypes[0].alpha == pytest.approx(1.208865, abs=5e-7)  # [C]
    assert {d.source for d in found.donors} == {"", str(file)}
    assert [one.draw for one in found.left_out] == ["N01-T9"]


def test_donors_of_other_gates_do_not_join(tmp_path: Path) -> None:
    earlier = write_batch(
        tmp_path / "earlier", [*make_donors(), PATIENT], gates=GATES_FILE.replace("900", "901")
    )
    run_limits(earlier)
    file = tmp_path / "earlier/results/limits/chc3/chc/L1/limits.json"
    now = write_batch(tmp_path / "now", [PATIENT], f"  limits: ['{file}']\n")
    found = run_limits(now)
    assert found.status == "not_assessable"
    assert "its gates (chc) are not the same as chc" in found.notes[0]


@pytest.mark.parametrize("modality", ["flow", "image"])
def test_donors_whose_slides_were_judged_with_another_focus_drop_do_not_join(
    tmp_path: Path, modality: str
) -> None:
    earlier = write_batch(
        tmp_path / "earlier", [*make_donors(), PATIENT], "  focus_drop: 4\n", modality=modality
    )
    run_limits(earlier)
    file = tmp_path / "earlier/results/limits/chc3/chc/L1/limits.json"
    now = write_batch(tmp_path / "now", [PATIENT], f"  limits: ['{file}']\n", modality=modality)
    found = run_limits(now)
    said = "its settings.focus_drop is 4.0, not 3.0"
    assert any(said in note for note in found.notes) == (modality == "image")
    assert bool(found.donors) == (modality == "flow")


def test_the_same_donors_give_the_same_bytes(tmp_path: Path) -> None:
    batch = write_batch(tmp_path, [*make_donors(), PATIENT])
    file = batch / "results/limits/chc3/chc/L1/limits.json"
    run_limits(batch)
    first = file.read_bytes()
    run_limits(batch)
    assert file.read_bytes() == first


def test_a_blank_lot_is_a_lot_of_its_own(tmp_path: Path) -> None:
    draw = make_count("P01-T1", "P01", cohort="patient", chc=3, lot=None)
    batch = write_batch(tmp_path, [*make_donors(lot=None), draw])
    assert judge(run_limits(batch, None), draw)["CHC"].lob_count == 3
    assert (batch / "results/limits/chc3/chc/-/limits.json").is_file()


def test_a_lot_that_no_row_uses_is_refused(tmp_path: Path) -> None:
    batch = write_batch(tmp_path, [*make_donors(), PATIENT])
    with pytest.raises(ChcError, match=r"lot L9: no acquisition .* their lots are L1"):
        run_limits(batch, "L9")


def test_panel_and_gates_that_no_row_uses_are_refused(tmp_path: Path) -> None:
    batch = write_batch(tmp_path, [PATIENT])
    with pytest.raises(ChcError, match="panel other with gates chc: no acquisition"):
        limits(
            batch / "config/config.yaml",
            panel="other",
            gates="chc",
            lot="L1",
            results=batch / "results",
            output=batch / "l.json",
            directory=batch,
        )


def test_a_donor_that_was_not_counted_yet_is_named(tmp_path: Path) -> None:
    batch = write_batch(tmp_path, [*make_donors(), PATIENT])
    (batch / "results/draws/N03-T1/count.json").unlink()
    with pytest.raises(ChcError, match=r"N03-T1.count\.json: no such result"):
        run_limits(batch)


def test_counts_tsv_has_limits_for_patients_and_none_for_donors(tmp_path: Path) -> None:
    batch = write_batch(tmp_path, [*make_donors(), PATIENT])
    run_limits(batch)
    report_batch(
        batch / "config/config.yaml",
        results=batch / "results",
        output=batch / "results/batch",
        directory=batch,
    )
    with (batch / "results/batch/counts.tsv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["phenotype"] == "CHC"]
    patient = next(row for row in rows if row["cohort"] == "patient")
    assert float(patient["expected_background"]) == pytest.approx(0.693449, abs=5e-7)  # [C]
    assert float(patient["p_background"]) == pytest.approx(0.072730, abs=5e-7)  # [C]
    assert float(patient["lod_count"]) == pytest.approx(7.889833, abs=1.1e-6)  # [C]
    assert (patient["lob_count"], patient["loq_count"]) == ("3", "")
    assert patient["call"] == "below_lob"
    donors = {row["call"] for row in rows if row["cohort"] == "donor"}
    assert donors == {"not_assessable"}


TABLE = "channel,A,B\nA,1,0.02\nB,0.01,1\n"


@pytest.mark.parametrize(
    ("name", "text", "joins"),
    [
        ("renamed.csv", TABLE.replace(",", ";"), True),
        ("matrix.csv", TABLE.replace("0.02", "0.03"), False),
    ],
)
def test_limits_match_by_the_numbers_of_a_spillover_table(
    tmp_path: Path, name: str, text: str, joins: bool
) -> None:
    panel = load_panel_with(tmp_path / "one", "matrix.csv", TABLE)
    other = load_panel_with(tmp_path / "two", name, text)
    one = hash_measuring_panel(panel, tmp_path / "one")
    assert (hash_measuring_panel(other, tmp_path / "two") == one) is joins


def load_panel_with(folder: Path, name: str, text: str) -> Panel:
    folder.mkdir()
    (folder / name).write_text(text, encoding="utf-8")
    channels = {"A": {"marker": "CD45", "role": "leukocyte"}, "B": {"marker": "CK"}}
    return Panel.model_validate({"name": "chc3", "spillover": name, "channels": channels})


def test_series_of_a_patient_is_held_to_limits_that_were_written(tmp_path: Path) -> None:
    exposures = {"P01-T1": 2.5, "P01-T2": 5.0, "P01-T3": 10.0}
    draws = [
        make_count(
            name,
            "P01",
            cohort="patient",
            chc=4,
            exposure_ml=exposure,
            collected_on=f"2026-0{i + 1}-05",
        )
        for i, (name, exposure) in enumerate(exposures.items())
    ]
    batch = write_batch(tmp_path, [*make_donors(), *draws])
    run_limits(batch)
    folder = batch / "results/patients/P01"
    arguments = {"patient": "P01", "results": batch / "results", "directory": batch}
    monitor(batch / "config/config.yaml", output=folder, **arguments)
    record = read_record(folder / "monitor.json", Monitor)
    [series] = [one for one in record.series if one.phenotype == "CHC"]
    assert [p.lob_count for p in series.points] == [2, 3, 5]  # [C] at E = 2.5, 5 and 10
    assert [p.call for p in series.points] == ["detected", "detected", "below_lob"]
    assert (
        "2 of 3 draws with limits above their own limit of blank: P01-T1, P01-T2" in series.limits
    )

    file = batch / "results/limits/chc3/chc/L1/limits.json"
    monitor(batch / "config/config.yaml", output=tmp_path / "named", limits=[file], **arguments)
    assert (tmp_path / "named/monitor.json").read_bytes() == (folder / "monitor.json").read_bytes()


def test_page_over_time_reads_no_other_patients_rows(tmp_path: Path) -> None:
    other = make_count("P02-T1", "P02", cohort="patient", chc=1)
    batch = write_batch(tmp_path, [PATIENT, other])
    (batch / "results/draws/P02-T1/count.json").unlink()
    found = load_batch(batch / "config/config.yaml", directory=batch, only_patient="P01")
    assert {draw.patient for draw in found.draws.values()} == {"P01"}
    assert {row.draw for row in found.acquisitions.values()} == set(found.draws)
    with pytest.raises(ChcError, match="patient P09: has no draw"):
        monitor(
            batch / "config/config.yaml",
            patient="P09",
            results=batch / "results",
            output=tmp_path / "none",
            directory=batch,
        )
