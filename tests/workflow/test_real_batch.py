"""Real tubes and a real slide through the whole workflow, from sheets to counts.tsv.

facs_diva_test.fcs (fcsparser's tests): a leukaemia, CD34 and CD10 in the epithelial role.
fullPanel_PBMC.fcs (theFlowSpec): 15 colours, with its own $SPILLOVER. cycif-tonsil-cycle1.ome.tif
(mcmicro's exemplar): one tile of DNA, Na/K ATPase, CD3 and CD45RO, CD3 in the epithelial role.
Expected numbers of the tubes are FlowKit's, gated here on the same rectangles.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from batch_files import read_counts, write_configuration
from numpy.typing import NDArray
from run_workflow import Run, run_snakemake

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # FlowKit's plotting imports warn; no concern of ours
    import flowkit

DRAWS = """\
draw\tpatient\tcohort\tcollected_on\tvolume_ml
leukaemia\tP1\tpatient\t2026-01-05\t2
pbmc\tP2\tpatient\t2026-01-06\t2
tonsil\tP3\tpatient\t2026-01-07\t2
"""
ACQUISITIONS = """\
acquisition\tdraw\tmodality\tfile\tpanel\tgates\tfraction_stained\tfraction_acquired\tvolume_plated_ml
leukaemia-1\tleukaemia\tflow\t{data}/flow/fcsparser/facs_diva_test.fcs\tleukaemia\tleukaemia\t.5\t.5\t
pbmc-1\tpbmc\tflow\t{data}/flow/theFlowSpec/fullPanel_PBMC.fcs\tpbmc\tpbmc\t.5\t.5\t
tonsil-1\ttonsil\timage\t{data}/image/tonsil/cycif-tonsil-cycle1.ome.tif\ttonsil\ttonsil\t\t\t.01
"""
FILES = {
    "config.yaml": "draws: config/draws.tsv\nacquisitions: config/acquisitions.tsv\n"
    "settings: {min_events: 20}\n",
    "draws.tsv": DRAWS,
    "panels/leukaemia.yaml": """\
channels:
  FSC-A: {role: scatter}
  SSC-A: {role: scatter}
  PerCP-A: {marker: CD45, role: leukocyte}
  PacificBlue-A: {marker: Syto41, role: dna}
  PE-Cy7-A: {marker: CD34, role: epithelial}
  PE-A: {marker: CD10, role: epithelial}
  Time: {role: time}
""",
    "gates/leukaemia.yaml": """\
populations:
  intact: {rectangle: {FSC-A: [40000, 250000], SSC-A: [null, 200000]}}
  nucleated: {parent: intact, when: Syto41+}
phenotype: nucleated
cuts: {Syto41: {fixed: 8000}, CD45: {fixed: 10000}, CD34: {fixed: 1200}, CD10: {fixed: 3000}}
phenotypes:
  CHC: CD45+ and (CD34+ or CD10+)
  CTC: CD45- and (CD34+ or CD10+)
  leukocyte: CD45+ and CD34- and CD10-
""",
    "panels/pbmc.yaml": """\
channels:
  FSC-A: {role: scatter}
  SSC-A: {role: scatter}
  V 780/60-A: {marker: CD3, role: leukocyte}
  V 710/50-A: {marker: CD8, role: epithelial}
  V 670/30-A: {marker: CD45RA, role: epithelial}
""",
    "gates/pbmc.yaml": """\
populations:
  intact: {rectangle: {FSC-A: [50000, 200000], SSC-A: [null, 120000]}}
phenotype: intact
cuts: {CD3: {fixed: 3000}, CD8: {fixed: 1500}, CD45RA: {fixed: 4000}}
phenotypes:
  CHC: CD3+ and (CD8+ or CD45RA+)
  CTC: CD3- and (CD8+ or CD45RA+)
  leukocyte: CD3+ and CD8- and CD45RA-
""",
    "panels/tonsil.yaml": """\
modality: image
channel_names: [DNA 1, Na/K ATPase, CD3, CD45RO]
channels:
  DNA 1: {role: dna}
  CD3: {marker: CD3, role: epithelial}
  CD45RO: {marker: CD45RO, role: leukocyte}
""",
    "gates/tonsil.yaml": """\
cuts: {CD3: {fixed: 1000}, CD45RO: {fixed: 3000}}
phenotypes:
  CHC: CD45RO+ and CD3+
  CTC: CD45RO- and CD3+
  leukocyte: CD45RO+ and CD3-
""",
}


@pytest.fixture(scope="module")
def finished(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """Return the batch of real files after one run of the workflow."""
    batch = tmp_path_factory.mktemp("real batch")
    texts = {**FILES, "acquisitions.tsv": ACQUISITIONS.format(data=shared_data)}
    write_configuration(batch, texts)
    run = run_snakemake(batch)
    assert run.returncode == 0, run.output
    return batch, run


def count_rows(batch: Path, draw: str) -> dict[str, int]:
    rows = read_counts(batch, draw)
    assert {row["status"] for row in rows} == {"counted"}
    return {row["phenotype"]: int(row["count"]) for row in rows}


def compensate_with_flowkit(path: Path, spillover: str) -> dict[str, NDArray[np.float64]]:
    """Return FlowKit's compensated values (scatter as it is) by $PnN."""
    sample = flowkit.Sample(path)
    sample.apply_compensation(sample.metadata[spillover])
    values = sample.get_events(source="comp")
    return {name: values[:, i] for i, name in enumerate(sample.pnn_labels)}


def classify(
    values: dict[str, NDArray[np.float64]],
    inside: NDArray[np.bool_],
    *,
    leukocyte: tuple[str, float],
    epithelial: tuple[tuple[str, float], ...],
) -> dict[str, int]:
    immune = values[leukocyte[0]] >= leukocyte[1]
    tumour = np.any([values[name] >= cut for name, cut in epithelial], axis=0)
    return {
        "CHC": int((inside & immune & tumour).sum()),
        "CTC": int((inside & ~immune & tumour).sum()),
        "leukocyte": int((inside & immune & ~tumour).sum()),
        "unclassified": int((inside & ~immune & ~tumour).sum()),
    }


def test_leukaemia_is_counted_as_flowkit_counts_it(
    finished: tuple[Path, Run], shared_data: Path
) -> None:
    path = shared_data / "flow" / "fcsparser" / "facs_diva_test.fcs"
    values = compensate_with_flowkit(path, "spill")
    inside = (values["FSC-A"] >= 40000) & (values["FSC-A"] < 250000) & (values["SSC-A"] < 200000)
    inside &= values["PacificBlue-A"] >= 8000
    expected = classify(
        values,
        inside,
        leukocyte=("PerCP-A", 10000),
        epithelial=(("PE-Cy7-A", 1200), ("PE-A", 3000)),
    )
    counted = count_rows(finished[0], "leukaemia")
    assert {name: counted[name] for name in expected} == expected
    assert expected["CHC"] > 1000


def test_blood_of_fifteen_colours_is_counted_as_flowkit_counts_it(
    finished: tuple[Path, Run], shared_data: Path
) -> None:
    path = shared_data / "flow" / "theFlowSpec" / "fullPanel_PBMC.fcs"
    values = compensate_with_flowkit(path, "spill")
    inside = (values["FSC-A"] >= 50000) & (values["FSC-A"] < 200000) & (values["SSC-A"] < 120000)
    expected = classify(
        values,
        inside,
        leukocyte=("V 780/60-A", 3000),
        epithelial=(("V 710/50-A", 1500), ("V 670/30-A", 4000)),
    )
    counted = count_rows(finished[0], "pbmc")
    assert {name: counted[name] for name in expected} == expected
    assert expected["CHC"] > 1000


def test_every_cell_of_the_tonsil_tile_has_a_class(finished: tuple[Path, Run]) -> None:
    counted = count_rows(finished[0], "tonsil")
    folder = finished[0] / "results" / "acquisitions" / "tonsil-1"
    nuclei = json.loads((folder / "populations.json").read_text())["slide"]["nuclei"]
    leaves = [name for name in counted if name not in ("CHC", "CTC")]
    assert sum(counted[name] for name in leaves) == nuclei
    assert nuclei > 50
    assert min(counted["CHC"], counted["CTC"], counted["leukocyte"]) > 0


def test_pages_of_real_draws_say_what_was_counted(finished: tuple[Path, Run]) -> None:
    for draw in ("leukaemia", "pbmc", "tonsil"):
        page = (finished[0] / "results" / "draws" / draw / "report.html").read_text()
        counted = count_rows(finished[0], draw)
        assert f"{counted['CHC']:,} CHC in" in page
