"""A small valid batch in a folder, whose parts a test replaces to see what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chc_gating.batch.configuration import load_batch
from chc_gating.errors import ConfigError, Fault

CONFIG = """\
draws: config/draws.tsv
acquisitions: config/acquisitions.tsv
"""
DRAWS = """\
draw\tpatient\tcohort\tcollected_on\tvolume_ml
P01-T1\tP01\tpatient\t2026-01-31\t7.5
P01-T2\tP01\tpatient\t2026-02-28\t7.5
"""
ACQUISITIONS = """\
acquisition\tdraw\tmodality\tfile\tpanel\tgates\tfraction_stained
p01t1\tP01-T1\tflow\traw/p01 t1.fcs\tchc4\tchc\t0.8
p01t2\tP01-T2\tflow\traw/p01 t2.fcs\tchc4\tchc\t0.8
"""
PANEL = """\
modality: flow
channels:
  FSC-A: {role: scatter}
  FSC-H: {role: scatter}
  APC-A: {marker: CD45, role: leukocyte}
  PE-A: {marker: EPCAM, role: epithelial}
  FITC-A: {marker: CK, role: epithelial}
  BV421-A: {marker: VIA, role: viability}
"""
GATES = """\
populations:
  intact: {rectangle: {FSC-A: [30000, null]}}
  singlet: {parent: intact, ratio: {of: [FSC-A, FSC-H], within: [0.9, 1.6]}}
  viable: {parent: singlet, when: VIA-}
phenotype: viable
cuts:
  VIA: {fixed: 3000}
  CD45: {fixed: 2000, indeterminate: [1500, 2500]}
  EPCAM: {fixed: 1500}
  CK: {fixed: 1500}
phenotypes:
  CHC: CD45+ and (EPCAM+ or CK+)
  CTC: CD45- and (EPCAM+ or CK+)
  leukocyte: CD45+ and EPCAM- and CK-
"""
FILES = {
    "config/config.yaml": CONFIG,
    "config/draws.tsv": DRAWS,
    "config/acquisitions.tsv": ACQUISITIONS,
    "config/panels/chc4.yaml": PANEL,
    "config/gates/chc.yaml": GATES,
}


def write_batch(folder: Path, files: dict[str, str] | None = None) -> Path:
    """Write the small batch with some files replaced; return the path of its config."""
    for name, text in {**FILES, **(files or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "config" / "config.yaml"


@pytest.fixture
def faults_of(tmp_path: Path) -> Callable[[dict[str, str]], list[Fault]]:
    """Return the faults of the small batch with some files replaced; [] if it is valid."""

    def find(files: dict[str, str]) -> list[Fault]:
        config = write_batch(tmp_path, files)
        try:
            load_batch(config, directory=tmp_path)
        except ConfigError as error:
            return list(error.faults)
        return []

    return find
