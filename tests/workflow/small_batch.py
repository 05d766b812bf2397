"""A batch of five draws that takes seconds: every planted cell stands in a table below.

draw       raw files                         gates
P1-first   flow                              wide
P1-second  flow, slide                       wide, slide
P2-first   flow                              narrow
P2-broken  flow, cut short in its events     wide
P3-absent  flow, not there                   wide
"""

from __future__ import annotations

from pathlib import Path

import flowio
import numpy as np
import tifffile
from batch_files import write_configuration

CHANNELS = ["FSC-A", "APC-A", "PE-A", "FITC-A", "Time"]
LEUKOCYTE, CHC, CTC = (5000, 50), (5000, 9000), (50, 9000)
"""(CD45, CK) of each class; the cuts are 1000 and more, so no call is near one."""

FLOW_CELLS = {
    "P1-first": {LEUKOCYTE: 3000, CHC: 12, CTC: 3},
    "P1-second": {LEUKOCYTE: 3000, CHC: 7, CTC: 0},
    "P2-first": {LEUKOCYTE: 2000, CHC: 5, CTC: 1},
    "P2-broken": {LEUKOCYTE: 2000, CHC: 5, CTC: 1},
}
SLIDE_CELLS = {LEUKOCYTE: 136, CHC: 6, CTC: 2}
COUNTED = ("P1-first", "P1-second", "P2-first")
NOT_COUNTED = ("P2-broken", "P3-absent")

CONFIG = """\
draws: config/draws.tsv
acquisitions: config/acquisitions.tsv
panels: config/panels
gates: config/gates
results: results
settings:
  min_events: 100
"""

FLOW_PANEL = """\
modality: flow
spillover: none
channels:
  FSC-A: {role: scatter}
  APC-A: {marker: CD45, role: leukocyte}
  PE-A: {marker: EPCAM, role: epithelial}
  FITC-A: {marker: CK, role: epithelial}
  Time: {role: time}
"""

SLIDE_PANEL = """\
modality: image
channel_names: [DAPI, CD45, EPCAM, panCK]
channels:
  DAPI: {role: dna}
  CD45: {marker: CD45, role: leukocyte}
  EPCAM: {marker: EPCAM, role: epithelial}
  panCK: {marker: CK, role: epithelial}
"""

PHENOTYPES = """\
phenotypes:
  CHC: CD45+ and (EPCAM+ or CK+)
  CTC: CD45- and (EPCAM+ or CK+)
  leukocyte: CD45+ and EPCAM- and CK-
"""

FLOW_GATES = """\
populations:
  intact: {{rectangle: {{FSC-A: [{smallest}, null]}}}}
phenotype: intact
nucleated: intact
cuts:
  CD45: {{fixed: 2000, indeterminate: [1500, 2500]}}
  EPCAM: {{fixed: 1000}}
  CK: {{fixed: 1000}}
"""

SLIDE_GATES = """\
cuts:
  CD45: {fixed: 1000}
  EPCAM: {fixed: 1000}
  CK: {fixed: 1000}
"""

DRAWS = """\
draw\tpatient\tcohort\tcollected_on\tvolume_ml\twbc_per_ul\tpreparation
P1-first\tP1\tpatient\t2026-01-05\t7.5\t6000\tlysed
P1-second\tP1\tpatient\t2026-02-09\t7.5\t6200\tlysed
P2-first\tP2\tpatient\t2026-01-12\t7.5\t5100\tlysed
P2-broken\tP2\tpatient\t2026-02-16\t7.5\t5300\tlysed
P3-absent\tP3\tdonor\t2026-01-19\t7.5\t7000\tlysed
"""

ACQUISITIONS = """\
acquisition\tdraw\tmodality\tfile\tpanel\tgates\tfraction_stained\tfraction_acquired\tpixel_size_um
P1-first-flow\tP1-first\tflow\traw/P1 first, blööd.fcs\tflow\twide\t0.5\t0.8\t
P1-second-flow\tP1-second\tflow\traw/P1-second.fcs\tflow\twide\t0.5\t0.8\t
P1-second-slide\tP1-second\timage\traw/P1-second.tif\tslide\tslide\t\t\t0.5
P2-first-flow\tP2-first\tflow\traw/P2-first.fcs\tflow\tnarrow\t0.5\t0.8\t
P2-broken-flow\tP2-broken\tflow\traw/P2-broken.fcs\tflow\twide\t0.5\t0.8\t
P3-absent-flow\tP3-absent\tflow\traw/P3-absent.fcs\tflow\twide\t0.5\t0.8\t
"""


CONFIGURATION = {
    "config.yaml": CONFIG,
    "draws.tsv": DRAWS,
    "acquisitions.tsv": ACQUISITIONS,
    "panels/flow.yaml": FLOW_PANEL,
    "panels/slide.yaml": SLIDE_PANEL,
    "gates/wide.yaml": FLOW_GATES.format(smallest=20000) + PHENOTYPES,
    "gates/narrow.yaml": FLOW_GATES.format(smallest=30000) + PHENOTYPES,
    "gates/slide.yaml": SLIDE_GATES + PHENOTYPES,
}


def write_small_batch(folder: Path) -> None:
    """Write configuration and raw files of the five draws into ``folder``."""
    write_configuration(folder, CONFIGURATION)
    raw = folder / "raw"
    raw.mkdir()
    names = {"P1-first": "P1 first, blööd.fcs"}
    for draw, cells in FLOW_CELLS.items():
        write_flow_file(raw / names.get(draw, f"{draw}.fcs"), cells)
    cut_short(raw / "P2-broken.fcs", keep=0.6)
    write_slide(raw / "P1-second.tif")


def write_flow_file(path: Path, cells: dict[tuple[int, int], int]) -> None:
    """Write an FCS 3.1 file: the cells of each class, then as much debris that no gate keeps."""
    calls = [call for call, number in cells.items() for _ in range(number)]
    events = np.zeros((2 * len(calls), len(CHANNELS)), dtype=np.float32)
    events[: len(calls), 0] = 60000
    events[len(calls) :, 0] = 2000
    events[: len(calls), 1] = [cd45 for cd45, _ in calls]
    events[: len(calls), 3] = [ck for _, ck in calls]
    events[:, 4] = np.linspace(0, 120, len(events))
    facts = {"TIMESTEP": "1", "ABRT": "0", "LOST": "0"}
    with path.open("wb") as file:
        flowio.create_fcs(file, events.ravel().tolist(), CHANNELS, metadata_dict=facts)


def cut_short(path: Path, *, keep: float) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])


def write_slide(path: Path) -> None:
    """Write a slide of round nuclei, 12 um wide and well apart, each with a ring of cytoplasm."""
    calls = [call for call, number in SLIDE_CELLS.items() for _ in range(number)]
    side, spacing = 12, 56
    assert len(calls) == side * side
    y, x = np.mgrid[0:spacing, 0:spacing] - spacing / 2 + 0.5
    distance_px = np.hypot(y, x)
    pixels = np.full((4, side * spacing, side * spacing), 100, dtype=np.uint16)
    for i, (cd45, ck) in enumerate(calls):
        rows = slice(i // side * spacing, (i // side + 1) * spacing)
        columns = slice(i % side * spacing, (i % side + 1) * spacing)
        pixels[0, rows, columns][distance_px < 12] += 8000
        pixels[1, rows, columns][distance_px < 20] += cd45
        pixels[3, rows, columns][distance_px < 20] += ck
    tifffile.imwrite(path, pixels, photometric="minisblack", metadata={"axes": "CYX"})
