"""Small batches and results in memory, for the tests of counting."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path

from chc_gating.batch.contents import Batch
from chc_gating.batch.rows import Acquisition, Draw
from chc_gating.batch.settings import Settings
from chc_gating.counting.draw import count_draw
from chc_gating.model.acquisition import AcquisitionResult, FlowFacts, PhenotypeCount
from chc_gating.model.count import CountRow, DrawCount
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel

PANEL_FILE = """modality: flow
spillover: none
channels:
  A: {marker: CD45, role: leukocyte}
  B: {marker: EPCAM, role: epithelial}
"""
GATES_FILE = """cuts:
  CD45: {fixed: 2000}
  EPCAM: {fixed: 900}
phenotypes:
  CHC: CD45+ and EPCAM+
  CTC: CD45- and EPCAM+
  leukocyte: CD45+ and EPCAM-
"""
CONFIG_FILE = """draws: config/draws.tsv
acquisitions: config/acquisitions.tsv
panels: config/panels
gates: config/gates
results: results
"""
FLOW_PANEL = Panel.model_validate(
    {
        "name": "chc3",
        "channels": {
            "A": {"marker": "CD45", "role": "leukocyte"},
            "B": {"marker": "EPCAM", "role": "epithelial"},
        },
    }
)
IMAGE_PANEL = Panel.model_validate(
    {"name": "slide3", "modality": "image", "channels": dict(FLOW_PANEL.channels)}
)
GATES = Gates.model_validate(
    {
        "name": "chc",
        "cuts": {"CD45": {"fixed": 2000}, "EPCAM": {"fixed": 900}},
        "phenotypes": {
            "CHC": "CD45+ and EPCAM+",
            "CTC": "CD45- and EPCAM+",
            "leukocyte": "CD45+ and EPCAM-",
        },
    }
)
GATES_WITHOUT_CUTS = Gates(name="nocuts")
NAMES = (
    "CHC",
    "CHC_EPCAM",
    "CHC_unresolved",
    "CTC",
    "CTC_EPCAM",
    "CTC_unresolved",
    "leukocyte",
    "indeterminate_candidate",
    "indeterminate",
    "unclassified",
    "invalid_candidate",
    "invalid",
)
DRAW = {"draw": "D1", "patient": "P1", "cohort": "patient", "volume_ml": 7.5}
FRACTIONS = {"fraction_stained": 0.8, "fraction_acquired": 0.875}
KNOWN_LOSSES = FlowFacts(fcs_version="FCS3.1", abort_events=0, lost_events=0)


def make_draw(**cells: object) -> Draw:
    return Draw.model_validate({"collected_on": datetime.date(2026, 3, 1), **DRAW, **cells})


def make_row(**cells: object) -> Acquisition:
    row = {
        "acquisition": "A1",
        "draw": "D1",
        "modality": "flow",
        "file": f"data/{cells.get('acquisition', 'A1')}.fcs",
        "panel": "chc3",
        "gates": "chc",
        **cells,
    }
    if row["modality"] == "image":
        row["panel"] = "slide3"
    return Acquisition.model_validate(row)


def make_batch(
    draws: Sequence[Draw], rows: Sequence[Acquisition], *, min_events: int = 1000
) -> Batch:
    return Batch(
        config_path=Path("config/config.yaml"),
        directory=Path(),
        settings=Settings(min_events=min_events),
        draws={draw.draw: draw for draw in draws},
        acquisitions={row.acquisition: row for row in rows},
        controls={},
        biomarkers=(),
        clinical_events=(),
        panels={"chc3": FLOW_PANEL, "slide3": IMAGE_PANEL},
        gates={"chc": GATES, "nocuts": GATES_WITHOUT_CUTS},
        panels_folder=Path("config/panels"),
        gates_folder=Path("config/gates"),
        results_folder=Path("results"),
    )


def make_result(
    counts: Mapping[str, int] | None = None,
    *,
    modality: str = "flow",
    saturated: int = 0,
    **facts: object,
) -> AcquisitionResult:
    """A counted acquisition: 100,000 events, of which ``counts`` by class, no losses."""
    counts = counts or {}
    values: dict[str, object] = {
        "event_count": 100_000,
        "phenotype_events": 100_000,
        "flow": KNOWN_LOSSES if modality == "flow" else None,
        **facts,
    }
    return AcquisitionResult(
        software_version="0",
        inputs=(),
        parameters={},
        status="counted",
        modality=modality,
        panel=FLOW_PANEL if modality == "flow" else IMAGE_PANEL,
        gates=GATES,
        phenotypes=tuple(
            PhenotypeCount(
                name=name,
                events=counts.get(name, 0),
                low_cut=counts.get(name, 0) + 1,
                high_cut=counts.get(name, 0),
                without_saturated=max(0, counts.get(name, 0) - saturated),
            )
            for name in NAMES
        ),
        **values,
    )


def make_failure(reason: str) -> AcquisitionResult:
    return AcquisitionResult(
        software_version="0",
        inputs=(),
        parameters={},
        status="not_counted",
        reason=reason,
        modality="flow",
        panel=FLOW_PANEL,
        gates=GATES,
    )


def count_case(
    draws: Sequence[Draw],
    members: Sequence[tuple[Acquisition, AcquisitionResult]],
    *,
    draw: str = "D1",
    min_events: int = 1000,
) -> DrawCount:
    batch = make_batch(draws, [row for row, _ in members], min_events=min_events)
    results = {row.acquisition: result for row, result in members}
    return count_draw(batch, draw, results=results, software_version="0")


def find_row(counted: DrawCount, phenotype: str = "CHC", modality: str = "flow") -> CountRow:
    (row,) = [r for r in counted.rows if (r.phenotype, r.modality) == (phenotype, modality)]
    return row
