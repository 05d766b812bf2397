"""An example batch with its results, made of records: two patients, two donors, one slide.

Nothing here is counted from a raw file. The numbers of draw P01-T1 are those of a published worked
case: 12 CHC in 5.0925 mL are 17.673049 [9.131922, 30.871259] per 7.5 mL (R's poisson.test).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow
import tifffile
from scipy.stats import chi2

from chc_gating.batch import layout
from chc_gating.imaging.crops import CropStack
from chc_gating.model.acquisition import (
    AcquisitionQuality,
    AcquisitionResult,
    AppliedCut,
    AppliedSpillover,
    ChannelQuality,
    FlowFacts,
    InputFile,
    PhenotypeCount,
    PopulationCount,
    SlideFacts,
    TimeBin,
)
from chc_gating.model.count import AcquisitionSummary, CountRow, DrawCount, ExpectedWbc
from chc_gating.model.density import Density
from chc_gating.model.flags import join_flags
from chc_gating.model.gates import Cut, Gates, PopulationGate, Ratio
from chc_gating.model.panel import Channel, Panel
from chc_gating.storage.densities import write_densities
from chc_gating.storage.records import write_record
from chc_gating.storage.tables import write_table

VERSION = "0.1.0"
HASH = "5d0c1f2a9b3e4c6d"

FLOW_PANEL = Panel(
    name="chc4",
    channels={
        "FSC-A": Channel(role="scatter"),
        "FSC-H": Channel(role="scatter"),
        "SSC-A": Channel(role="scatter"),
        "APC-A": Channel(marker="CD45", role="leukocyte"),
        "PE-A": Channel(marker="EPCAM", role="epithelial"),
        "FITC-A": Channel(marker="CK", role="epithelial"),
        "BV421-A": Channel(marker="VIA", role="viability"),
        "Time": Channel(role="time"),
    },
)
RULES = {
    "CHC": "CD45+ and (EPCAM+ or CK+)",
    "CTC": "CD45- and (EPCAM+ or CK+)",
    "leukocyte": "CD45+ and EPCAM- and CK-",
}
FLOW_GATES = Gates(
    name="chc",
    populations={
        "intact": PopulationGate(rectangle={"FSC-A": (30000.0, None), "SSC-A": (None, 200000.0)}),
        "singlet": PopulationGate(
            parent="intact", ratio=Ratio(of=("FSC-A", "FSC-H"), within=(0.9, 1.6))
        ),
        "viable": PopulationGate(parent="singlet", when="VIA-"),
    },
    phenotype="viable",
    cuts={
        "VIA": Cut(fixed=3000),
        "CD45": Cut(fixed=2000, indeterminate=(1500, 2500)),
        "EPCAM": Cut(fixed=2000),
        "CK": Cut(fixed=1500),
    },
    phenotypes=RULES,
)
SLIDE_PANEL = Panel(
    name="if4",
    modality="image",
    channels={
        "DAPI": Channel(role="dna", measure="nucleus"),
        "CD45": Channel(marker="CD45", role="leukocyte"),
        "EPCAM": Channel(marker="EPCAM", role="epithelial"),
        "panCK": Channel(marker="CK", role="epithelial"),
    },
)
SLIDE_GATES = Gates(
    name="chc-slide",
    populations={"nucleated": PopulationGate(rectangle={"DAPI": (1500.0, None)})},
    phenotype="nucleated",
    cuts={
        "CD45": Cut(fixed=1000, indeterminate=(700, 1400)),
        "EPCAM": Cut(fixed=1000),
        "CK": Cut(fixed=1000),
    },
    phenotypes=RULES,
)

SUB_PHENOTYPES = ("EPCAM", "CK", "EPCAM_CK", "unresolved")
CLASS_NAMES = (
    "CHC",
    *(f"CHC_{s}" for s in SUB_PHENOTYPES),
    "CTC",
    *(f"CTC_{s}" for s in SUB_PHENOTYPES),
    "leukocyte",
    "indeterminate_candidate",
    "indeterminate",
    "unclassified",
    "invalid_candidate",
    "invalid",
)

SHEETS = {
    "config/config.yaml": (
        "draws: config/draws.tsv\nacquisitions: config/acquisitions.tsv\n"
        "panels: config/panels\ngates: config/gates\nresults: results\n"
    ),
    "config/panels/chc4.yaml": (
        "modality: flow\nspillover: keyword\nchannels:\n"
        "  FSC-A: {role: scatter}\n  FSC-H: {role: scatter}\n  SSC-A: {role: scatter}\n"
        "  APC-A: {marker: CD45, role: leukocyte}\n  PE-A: {marker: EPCAM, role: epithelial}\n"
        "  FITC-A: {marker: CK, role: epithelial}\n  BV421-A: {marker: VIA, role: viability}\n"
        "  Time: {role: time}\n"
    ),
    "config/gates/chc.yaml": (
        "populations:\n"
        "  intact: {rectangle: {FSC-A: [30000, null], SSC-A: [null, 200000]}}\n"
        "  singlet: {parent: intact, ratio: {of: [FSC-A, FSC-H], within: [0.9, 1.6]}}\n"
        "  viable: {parent: singlet, when: VIA-}\n"
        "phenotype: viable\n"
        "cuts:\n  VIA: {fixed: 3000}\n  CD45: {fixed: 2000, indeterminate: [1500, 2500]}\n"
        "  EPCAM: {fixed: 2000}\n  CK: {fixed: 1500}\n"
        "phenotypes:\n  CHC: CD45+ and (EPCAM+ or CK+)\n  CTC: CD45- and (EPCAM+ or CK+)\n"
        "  leukocyte: CD45+ and EPCAM- and CK-\n"
    ),
    "config/panels/if4.yaml": (
        "modality: image\nspillover: none\nchannels:\n  DAPI: {role: dna, measure: nucleus}\n"
        "  CD45: {marker: CD45, role: leukocyte}\n  EPCAM: {marker: EPCAM, role: epithelial}\n"
        "  panCK: {marker: CK, role: epithelial}\n"
    ),
    "config/gates/chc-slide.yaml": (
        "populations:\n  nucleated: {rectangle: {DAPI: [1500, null]}}\nphenotype: nucleated\n"
        "cuts:\n  CD45: {fixed: 1000, indeterminate: [700, 1400]}\n  EPCAM: {fixed: 1000}\n"
        "  CK: {fixed: 1000}\n"
        "phenotypes:\n  CHC: CD45+ and (EPCAM+ or CK+)\n  CTC: CD45- and (EPCAM+ or CK+)\n"
        "  leukocyte: CD45+ and EPCAM- and CK-\n"
    ),
}


@dataclass(frozen=True)
class Plan:
    """One draw of the example: its classes by modality, and its exposures."""

    draw: str
    patient: str
    cohort: str
    collected_on: str
    flow: tuple[int, int] | None = (0, 0)
    exposure_ml: float | None = 5.0925
    slide: tuple[int, int] | None = None
    reason: str | None = None
    note: str = ""


PLANS = (
    Plan("P01-T1", "P01", "patient", "2025-09-02", (12, 3), note="before treatment"),
    Plan("P01-T2", "P01", "patient", "2025-10-14", (0, 1), 4.8),
    Plan("P01-T3", "P01", "patient", "2025-12-09", (31, 9), 5.3),
    Plan("P02-T1", "P02", "patient", "2025-09-16", (220, 14), 4.6),
    Plan("P02-T2", "P02", "patient", "2025-10-28", (5, 2), 5.0, slide=(8, 5)),
    Plan(
        "P02-T3",
        "P02",
        "patient",
        "2025-12-16",
        None,
        reason=(
            "P02-T3-A: p02-t3.fcs: truncated: $TOT needs 17,280,000 bytes of data, "
            "the file holds 9,431,040; copy it again"
        ),
    ),
    Plan("D01-T1", "D01", "donor", "2025-09-23", (0, 0), 5.0925),
    Plan("D02-T1", "D02", "donor", "2025-09-30", (1, 0), None),
)


def write_example(folder: Path) -> Path:
    """Write the example's sheets and results under ``folder``; return its config.yaml."""
    for name, text in SHEETS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    _write_sheets(folder)
    for seed, plan in enumerate(PLANS):
        write_record(
            layout.draw_folder(folder / "results", plan.draw) / "count.json", build_count(plan)
        )
        _write_acquisitions(folder / "results", plan, seed)
    return folder / "config" / "config.yaml"


def _write_sheets(folder: Path) -> None:
    draws = ["draw\tpatient\tcohort\tcollected_on\tvolume_ml\twbc_per_ul\tpreparation\tnote"]
    rows = ["acquisition\tdraw\tmodality\tfile\tpanel\tgates\tlot\tvolume_plated_ml"]
    for plan in PLANS:
        draws.append(
            f"{plan.draw}\t{plan.patient}\t{plan.cohort}\t{plan.collected_on}\t7.5\t6200\tlysed"
            f"\t{plan.note}"
        )
        for name, modality in list_acquisitions(plan):
            slide = modality == "image"
            rows.append(
                f"{name}\t{plan.draw}\t{modality}\traw/{name.lower()}"
                f"{'.ome.tif' if slide else '.fcs'}\t{'if4' if slide else 'chc4'}\t"
                f"{'chc-slide' if slide else 'chc'}\tL2508\t{'0.06' if slide else ''}"
            )
    (folder / "config" / "draws.tsv").write_text("\n".join(draws) + "\n", encoding="utf-8")
    (folder / "config" / "acquisitions.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def list_acquisitions(plan: Plan) -> list[tuple[str, str]]:
    """Return (acquisition, modality) of a draw."""
    names = [(f"{plan.draw}-A", "flow")] if plan.flow or plan.reason else []
    return names + ([(f"{plan.draw}-S", "image")] if plan.slide else [])


def split_class(number: int) -> tuple[int, int, int, int]:
    """Return how many of ``number`` are EPCAM only, CK only, both and unresolved."""
    epcam, keratin = number // 3, number // 4
    unresolved = number // 10
    return epcam, keratin, number - epcam - keratin - unresolved, unresolved


def count_classes(chc: int, ctc: int, total: int) -> dict[str, int]:
    """Return the events of every class; they add up to ``total``."""
    events = dict.fromkeys(CLASS_NAMES, 0)
    events["CHC"], events["CTC"] = chc, ctc
    for whole, number in (("CHC", chc), ("CTC", ctc)):
        for sub, part in zip(SUB_PHENOTYPES, split_class(number), strict=True):
            events[f"{whole}_{sub}"] = part
    events["indeterminate_candidate"] = 4 if chc else 0
    events["indeterminate"] = 310
    events["invalid_candidate"] = 1 if chc else 0
    events["unclassified"] = total // 40
    named = ("indeterminate_candidate", "indeterminate", "invalid_candidate", "unclassified")
    events["leukocyte"] = total - chc - ctc - sum(events[name] for name in named)
    return events


def build_row(
    plan: Plan, phenotype: str, events: int, *, slide: bool = False, nucleated: int = 1_800_000
) -> CountRow:
    """Return one row of counts.tsv with Garwood's interval scaled to 7.5 mL."""
    exposure = 0.06 if slide else plan.exposure_ml
    factor = None if exposure is None else 7.5 / exposure
    low = chi2.ppf(0.025, 2 * events) / 2 if events else 0.0
    high = chi2.ppf(0.975, 2 * events + 2) / 2
    upper = chi2.ppf(0.95, 2 * events + 2) / 2
    flags = ["not_corrected_for_recovery"] if factor else []
    if not slide:
        flags.append("exposure_upper_bound")
        # 1,750,000 leukocytes in 5 mL are 350 per uL, the sheet says 6,200
        flags += ["implied_wbc_differs"] if factor else []
    else:
        flags.append("cells_touch")
    return CountRow(
        draw=plan.draw,
        patient=plan.patient,
        cohort=plan.cohort,
        collected_on=plan.collected_on,
        modality="image" if slide else "flow",
        panel="if4" if slide else "chc4",
        gates="chc-slide" if slide else "chc",
        lot="L2508",
        phenotype=phenotype,
        count=events,
        exposure_ml=exposure,
        exposure_source=None if factor is None else "volume_plated_ml" if slide else "fractions",
        per_7_5_ml=None if factor is None else events * factor,
        ci95_low_per_7_5_ml=None if factor is None else low * factor,
        ci95_high_per_7_5_ml=None if factor is None else high * factor,
        upper95_per_7_5_ml=None if factor is None else upper * factor,
        per_ml=None if exposure is None else events / exposure,
        nucleated_cells=nucleated,
        per_50k_nucleated=events / nucleated * 5e4,
        per_million_nucleated=events / nucleated * 1e6,
        implied_wbc_per_ul=None if exposure is None or slide else 1_750_000 / exposure / 1000,
        count_without_saturated=max(0, events - 1),
        count_low_cut=events + events // 6,
        count_high_cut=events - events // 6,
        call="not_assessable",
        flags=join_flags(flags),
        status="counted",
        reason=(
            "no volume of blood: fractions lacks fraction_acquired" if factor is None else None
        ),
        software_version=VERSION,
        config_hash=HASH,
    )


def build_count(plan: Plan) -> DrawCount:
    """Return count.json of a draw of the example."""
    rows: list[CountRow] = []
    if plan.flow:
        events = count_classes(*plan.flow, total=1_800_000)
        rows += [build_row(plan, name, events[name]) for name in CLASS_NAMES]
    if plan.slide:
        events = count_classes(*plan.slide, total=50_000)
        rows += [
            build_row(plan, name, events[name], slide=True, nucleated=50_000)
            for name in CLASS_NAMES
        ]
    if plan.reason:
        rows.append(
            CountRow(
                draw=plan.draw,
                patient=plan.patient,
                cohort=plan.cohort,
                collected_on=plan.collected_on,
                modality="flow",
                panel="chc4",
                gates="chc",
                lot="L2508",
                status="not_counted",
                reason=plan.reason,
                software_version=VERSION,
                config_hash=HASH,
            )
        )
    return DrawCount(
        software_version=VERSION,
        inputs=(),
        parameters={"min_events": 1000},
        draw={
            "draw": plan.draw,
            "patient": plan.patient,
            "cohort": plan.cohort,
            "collected_on": plan.collected_on,
            "drawn_at": f"{plan.collected_on} 08:40:00",
            "received_at": f"{plan.collected_on} 10:05:00",
            "volume_ml": "7.5",
            "wbc_per_ul": "6200",
            "preparation": "lysed",
            **({"note": plan.note} if plan.note else {}),
        },
        status="not_counted" if plan.reason else "counted",
        reason=plan.reason,
        acquisitions=tuple(
            _summarise(plan, name, slide=modality == "image")
            for name, modality in list_acquisitions(plan)
        ),
        rows=tuple(rows),
        expected_wbc=ExpectedWbc(per_ul=6200, cells="leukocytes"),
    )


def _summarise(plan: Plan, name: str, *, slide: bool) -> AcquisitionSummary:
    row = {
        "acquisition": name,
        "draw": plan.draw,
        "modality": "image" if slide else "flow",
        "file": f"raw/{name.lower()}{'.ome.tif' if slide else '.fcs'}",
        "panel": "if4" if slide else "chc4",
        "gates": "chc-slide" if slide else "chc",
        "lot": "L2508",
        "tube": "EDTA-1",
        "tube_order": "2",
        "operator": "must-not-be-shown",
    }
    if plan.reason:
        return AcquisitionSummary(
            acquisition=name, row=row, status="not_counted", reason=plan.reason.split(": ", 1)[1]
        )
    exposure = 0.06 if slide else plan.exposure_ml
    steps = (
        ("0.06 mL of blood on the slide (volume_plated_ml)",)
        if slide
        else (
            "7.5 mL of blood (volume_ml)",
            "times fraction_stained 0.8",
            "times fraction_acquired 0.875",
            "times 1, the share of live time: the file states neither $ABRT nor $LOST",
        )
    )
    return AcquisitionSummary(
        acquisition=name,
        row=row,
        status="counted",
        exposure_ml=exposure,
        exposure_source=None if exposure is None else "fractions",
        exposure_reason=None if exposure else "fractions lacks fraction_acquired",
        steps=steps if exposure else (),
        flags=() if slide else ("exposure_upper_bound",),
        phenotype_events=50_000 if slide else 1_800_000,
        candidate_flags={"touches_neighbour": 9} if slide else {},
    )


def _write_acquisitions(results: Path, plan: Plan, seed: int) -> None:
    for name, modality in list_acquisitions(plan):
        folder = layout.acquisition_folder(results, name)
        rng = np.random.default_rng(seed)
        if plan.reason:
            _write_not_counted(folder, plan)
        elif modality == "flow" and plan.flow:
            _write_flow(folder, plan.flow, rng)
        elif plan.slide:
            _write_slide(folder, plan.slide, rng)


def _write_not_counted(folder: Path, plan: Plan) -> None:
    reason = (plan.reason or "").split(": ", 1)[1]
    write_record(
        folder / "populations.json",
        AcquisitionResult(
            software_version=VERSION,
            inputs=(InputFile(role="raw", path="raw/p02-t3-a.fcs", size_bytes=9_433_088),),
            parameters={},
            status="not_counted",
            reason=reason,
            modality="flow",
            panel=FLOW_PANEL,
            gates=FLOW_GATES,
        ),
    )
    write_record(
        folder / "quality.json",
        AcquisitionQuality(software_version=VERSION, status="not_counted", reason=reason),
    )
    write_densities(folder / "densities.npz", ())
    write_table(folder / "candidates.parquet", build_candidates((), (), (), {}))


def build_candidates(
    phenotypes: Sequence[str],
    subs: Sequence[str],
    events: Sequence[int],
    values: dict[str, np.ndarray],
    positions: dict[str, np.ndarray] | None = None,
) -> pyarrow.Table:
    """Return a candidates table as the gating stages write it."""
    number = len(phenotypes)
    columns: dict[str, object] = {
        "candidate": np.arange(number, dtype=np.int64),
        "event": np.array(events, dtype=np.int64),
        "time_bin": np.zeros(number, dtype=np.int32),
        "phenotype": pyarrow.array(phenotypes, pyarrow.string()),
        "sub_phenotype": pyarrow.array(subs, pyarrow.string()),
        "flags": pyarrow.array(
            ["saturated" if i % 7 == 3 else "" for i in range(number)], pyarrow.string()
        ),
        **(positions or {}),
    }
    for name, column in values.items():
        columns[f"raw:{name}"] = column
        columns[f"compensated:{name}"] = column
    return pyarrow.table(columns)


def list_phenotypes(chc: int, ctc: int) -> tuple[list[str], list[str]]:
    """Return each candidate's phenotype and sub-phenotype."""
    phenotypes, subs = [], []
    for whole, number in (("CHC", chc), ("CTC", ctc)):
        for sub, part in zip(SUB_PHENOTYPES, split_class(number), strict=True):
            phenotypes += [whole] * part
            subs += [f"{whole}_{sub}"] * part
    return phenotypes, subs


def scale_edges(low: float, high: float, bins: int = 128) -> np.ndarray:
    """Return edges that are even on an inverse hyperbolic sine scale of 150."""
    return 150 * np.sinh(np.linspace(np.arcsinh(low / 150), np.arcsinh(high / 150), bins + 1))


def build_density(
    population: str, x: str, y: str, events: dict[str, np.ndarray], *, linear: bool
) -> Density:
    """Return the histogram of these events over two channels."""
    edges = np.linspace(0, 262144, 129) if linear else scale_edges(-1000, 262144)
    counts, _, _ = np.histogram2d(
        np.clip(events[y], edges[0], edges[-1]),
        np.clip(events[x], edges[0], edges[-1]),
        bins=(edges, edges),
    )
    scale = "linear" if linear else "asinh"
    return Density(population, x, y, edges, edges, scale, scale, counts.astype(np.uint32), stride=1)


def _simulate_events(rng: np.random.Generator, number: int) -> dict[str, np.ndarray]:
    height = rng.gamma(9, 9000, number)
    return {
        "FSC-A": height * rng.normal(1.15, 0.09, number),
        "FSC-H": height,
        "SSC-A": rng.gamma(3, 22000, number),
        "APC-A": np.where(
            rng.random(number) < 0.9,
            rng.lognormal(9.4, 0.5, number),
            rng.normal(80, 250, number),
        ),
        "PE-A": rng.normal(150, 330, number),
        "FITC-A": rng.normal(120, 260, number),
        "BV421-A": np.where(
            rng.random(number) < 0.93, rng.normal(250, 400, number), rng.lognormal(9.5, 0.6, number)
        ),
    }


def _simulate_candidates(
    rng: np.random.Generator, phenotypes: Sequence[str], subs: Sequence[str]
) -> dict[str, np.ndarray]:
    number = len(phenotypes)
    hybrid = np.array([p == "CHC" for p in phenotypes], dtype=bool)
    epcam = np.array(["EPCAM" in s for s in subs], dtype=bool)
    keratin = np.array([s.endswith("CK") for s in subs], dtype=bool)
    height = rng.gamma(20, 6500, number)
    positive = rng.lognormal(8.9, 0.5, (2, number)).clip(2100)
    return {
        "FSC-A": height * 1.15,
        "FSC-H": height,
        "SSC-A": rng.gamma(9, 9000, number).clip(0, 190000),
        "APC-A": np.where(hybrid, rng.lognormal(9.2, 0.4, number).clip(2600), 300.0),
        "PE-A": np.where(epcam, positive[0], 200.0),
        "FITC-A": np.where(keratin, positive[1], 250.0),
        "BV421-A": rng.normal(300, 200, number),
        "Time": np.linspace(1, 290, number),
    }


def _write_flow(folder: Path, classes: tuple[int, int], rng: np.random.Generator) -> None:
    events = count_classes(*classes, total=1_800_000)
    simulated = _simulate_events(rng, 60_000)
    phenotypes, subs = list_phenotypes(*classes)
    channels = [name for name in FLOW_PANEL.channels if name != "Time"]
    densities = [
        build_density("all", "FSC-A", "SSC-A", simulated, linear=True),
        build_density("intact", "FSC-A", "FSC-H", simulated, linear=True),
        build_density("singlet", "BV421-A", "APC-A", simulated, linear=False),
        build_density("viable", "APC-A", "PE-A", simulated, linear=False),
        build_density("viable", "APC-A", "FITC-A", simulated, linear=False),
        build_density("viable", "PE-A", "FITC-A", simulated, linear=False),
    ]
    write_record(folder / "populations.json", _flow_result(folder.name, events))
    write_record(
        folder / "quality.json",
        AcquisitionQuality(
            software_version=VERSION,
            status="counted",
            event_count=2_400_000,
            time_bins=_time_bins(rng),
            channels=tuple(
                ChannelQuality(channel=c, saturated=120 * i, at_lower_margin=7, nonfinite=0)
                for i, c in enumerate(channels)
            ),
        ),
    )
    write_densities(folder / "densities.npz", densities)
    index = np.sort(rng.integers(0, 2_400_000, len(phenotypes)))
    values = _simulate_candidates(rng, phenotypes, subs)
    write_table(
        folder / "candidates.parquet", build_candidates(phenotypes, subs, index.tolist(), values)
    )


def _time_bins(rng: np.random.Generator) -> tuple[TimeBin, ...]:
    bins = []
    for i in range(48):
        rate = float(rng.normal(8000, 250)) * (2.2 if 30 <= i < 34 else 1)
        bins.append(
            TimeBin(
                first_event=50_000 * i,
                events=50_000,
                start_s=6.25 * i,
                end_s=6.25 * (i + 1),
                rate_per_s=rate,
                phenotype_events=37_500,
                candidates=0,
                unstable=30 <= i < 34,
            )
        )
    return tuple(bins)


def _phenotype_counts(events: dict[str, int]) -> tuple[PhenotypeCount, ...]:
    return tuple(
        PhenotypeCount(
            name=name,
            events=number,
            low_cut=number + number // 6,
            high_cut=number - number // 6,
            without_saturated=max(0, number - 1),
        )
        for name, number in events.items()
    )


def _flow_result(name: str, events: dict[str, int]) -> AcquisitionResult:
    return AcquisitionResult(
        software_version=VERSION,
        inputs=(
            InputFile(
                role="raw", path=f"raw/{name.lower()}.fcs", size_bytes=115_203_412, sha256="ab" * 32
            ),
            InputFile(
                role="panel", path="config/panels/chc4.yaml", size_bytes=612, sha256="cd" * 32
            ),
        ),
        parameters={"bead_population": None},
        status="counted",
        modality="flow",
        panel=FLOW_PANEL,
        gates=FLOW_GATES,
        event_count=2_400_000,
        populations=(
            PopulationCount(name="all", parent=None, events=2_400_000, percent_of_parent=100.0),
            PopulationCount(name="intact", parent="all", events=2_150_000, percent_of_parent=89.58),
            PopulationCount(
                name="singlet",
                parent="intact",
                events=1_980_000,
                percent_of_parent=92.09,
                invalid_events=3,
            ),
            PopulationCount(
                name="viable", parent="singlet", events=1_800_000, percent_of_parent=90.91
            ),
        ),
        phenotypes=_phenotype_counts(events),
        flags={
            "nonfinite": 3,
            "saturated": 1204,
            "leans_on_saturated": 88,
            "left_by_when": 180_000,
        },
        nucleated_events=1_800_000,
        phenotype_events=1_800_000,
        cuts=(
            AppliedCut(marker="VIA", channel="BV421-A", low=3000, high=3000, source="fixed"),
            AppliedCut(marker="CD45", channel="APC-A", low=1500, high=2500, source="fixed"),
            AppliedCut(marker="EPCAM", channel="PE-A", low=2000, high=2000, source="fixed"),
            AppliedCut(marker="CK", channel="FITC-A", low=1500, high=1500, source="fixed"),
        ),
        spillover=AppliedSpillover(
            source="$SPILLOVER of the file",
            channels=("FITC-A", "PE-A", "APC-A", "BV421-A"),
            matrix=(
                (1.0, 0.21, 0.004, 0.0),
                (0.03, 1.0, 0.012, 0.0),
                (0.0, 0.008, 1.0, 0.002),
                (0.015, 0.0, 0.0, 1.0),
            ),
            condition_number=1.31,
        ),
        flow=FlowFacts(fcs_version="FCS3.1", duration_s=300.0),
        repairs=("TEXT ends one byte early; the end was taken from the delimiter",),
    )


def _write_slide(folder: Path, classes: tuple[int, int], rng: np.random.Generator) -> None:
    events = count_classes(*classes, total=50_000)
    phenotypes, subs = list_phenotypes(*classes)
    number = len(phenotypes)
    hybrid = np.array([p == "CHC" for p in phenotypes])
    epcam = np.array(["EPCAM" in s for s in subs])
    keratin = np.array([s.endswith("CK") for s in subs])
    values = {
        "DAPI": rng.normal(9000, 900, number),
        "CD45": np.where(hybrid, rng.normal(3200, 500, number), 160.0),
        "EPCAM": np.where(epcam, rng.normal(4100, 600, number), 120.0),
        "panCK": np.where(keratin, rng.normal(5200, 700, number), 140.0),
    }
    positions = {
        "centroid_y_px": rng.uniform(40, 4056, number),
        "centroid_x_px": rng.uniform(40, 6104, number),
    }
    cells = {
        "DAPI": rng.normal(8800, 1500, 30_000),
        "CD45": np.where(rng.random(30_000) < 0.85, rng.normal(3000, 700, 30_000), 100.0)
        + rng.normal(0, 60, 30_000),
        "EPCAM": rng.normal(90, 110, 30_000),
        "panCK": rng.normal(110, 130, 30_000),
    }
    write_record(folder / "populations.json", _slide_result(folder.name, events))
    write_record(
        folder / "quality.json",
        AcquisitionQuality(software_version=VERSION, status="counted", event_count=51_800),
    )
    write_densities(
        folder / "densities.npz",
        [
            build_density("nucleated", "CD45", "EPCAM", cells, linear=False),
            build_density("nucleated", "CD45", "panCK", cells, linear=False),
        ],
    )
    table = build_candidates(phenotypes, subs, list(range(1000, 1000 + number)), values, positions)
    write_table(folder / "candidates.parquet", table)
    write_crops(folder, values, rng)
    write_cells(folder, rng.uniform(0, 4096, 30_000), rng.uniform(0, 6144, 30_000))


def write_cells(folder: Path, y_px: np.ndarray, x_px: np.ndarray) -> None:
    """Write cells.parquet as `chc gate-image` does, of leukocytes only."""
    number = len(y_px)
    columns = {
        "id": np.arange(number),
        "centroid_y_px": y_px,
        "centroid_x_px": x_px,
        "phenotype": pyarrow.array(["leukocyte"] * number, pyarrow.string()),
        "flags": pyarrow.array([""] * number, pyarrow.string()),
    }
    write_table(folder / "cells.parquet", pyarrow.table(columns))


def write_crops(folder: Path, values: dict[str, np.ndarray], rng: np.random.Generator) -> None:
    """Write crops.tif and crops.json: a disc in every channel, as bright as the cell's value."""
    number = len(values["DAPI"])
    y, x = np.mgrid[-32:32, -32:32] * 0.65
    pixels = np.empty((number + 2, 4, 64, 64), np.uint16)
    for i in range(number + 2):
        distance = np.hypot(x, y * rng.uniform(0.9, 1.2))
        for j, name in enumerate(values):
            shape = distance < 5 if name == "DAPI" else (distance > 4) & (distance < 7.5)
            noise = rng.poisson(300, (64, 64))
            pixels[i, j] = np.clip(noise + shape * max(0, values[name][i % number]), 0, 65535)
    tifffile.imwrite(folder / "crops.tif", pixels, photometric="minisblack")
    marks = (np.hypot(x, y) < 7.5) * 2
    marks[np.hypot(x, y) < 5] = 1
    outlines = np.repeat(marks[None].astype(np.uint8), number + 2, axis=0)
    tifffile.imwrite(folder / "outlines.tif", outlines, photometric="minisblack")
    dna = rng.integers(300, 900, (128, 192)).astype(np.uint16)
    tifffile.imwrite(folder / "overview.tif", dna)
    stack = CropStack(
        channels=tuple(values),
        pixel_size_um=0.65,
        size_px=64,
        maximum=65535,
        candidates=tuple(range(1000, 1000 + number)),
        controls=(7, 8),
        control_phenotypes=("leukocyte", "unclassified"),
        has_outlines=True,
        overview_px=32,
        valid=((0, 64, 0, 64),) * (number + 2),
    )
    write_record(folder / "crops.json", stack)


def _slide_result(name: str, events: dict[str, int]) -> AcquisitionResult:
    return AcquisitionResult(
        software_version=VERSION,
        inputs=(
            InputFile(
                role="raw",
                path=f"raw/{name.lower()}.ome.tif",
                size_bytes=402_653_184,
                sha256="ef" * 32,
            ),
        ),
        parameters={"ring_um": 2.5},
        status="counted",
        modality="image",
        panel=SLIDE_PANEL,
        gates=SLIDE_GATES,
        event_count=51_800,
        populations=(
            PopulationCount(name="all", parent=None, events=51_800, percent_of_parent=100.0),
            PopulationCount(name="nucleated", parent="all", events=50_000, percent_of_parent=96.53),
        ),
        phenotypes=_phenotype_counts(events),
        flags={"touches_neighbour": 9120, "touches_image_edge": 44, "saturated": 0},
        nucleated_events=50_000,
        phenotype_events=50_000,
        cuts=(
            AppliedCut(marker="CD45", channel="CD45", low=700, high=1400, source="fixed"),
            AppliedCut(marker="EPCAM", channel="EPCAM", low=1000, high=1000, source="fixed"),
            AppliedCut(marker="CK", channel="panCK", low=1000, high=1000, source="fixed"),
        ),
        slide=SlideFacts(
            width_px=6144, height_px=4096, pixel_size_um=0.65, nuclei=51_800, area_mm2=10.63
        ),
    )
