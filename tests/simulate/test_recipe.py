from __future__ import annotations

from pathlib import Path

import pytest

from chc_gating.batch.configuration import load_batch
from chc_gating.errors import ConfigError
from chc_gating.simulate.recipe import FlowFile, derive_seed
from chc_gating.stages.simulate import load_recipe

RECIPE = """
seed: 1
acquisitions:
  A1: {modality: flow, file: a.fcs, patient: P1, panel: chc4, gates: chc, events: 10}
"""


def write(folder: Path, text: str) -> Path:
    (folder / "recipe.yaml").write_text(text, encoding="utf-8")
    return folder / "recipe.yaml"


def test_the_demo_recipe_makes_the_files_of_the_demo_sheets(repository: Path) -> None:
    batch = load_batch(Path("config/config.yaml"), directory=repository)
    recipe = load_recipe(repository / "config" / "simulation.yaml")
    assert list(recipe.acquisitions) == list(batch.acquisitions)
    for name, row in batch.acquisitions.items():
        made = recipe.acquisitions[name]
        assert row.file == f"data/demo/{made.file}"
        assert (row.modality, row.panel, row.gates) == (made.modality, made.panel, made.gates)
        assert batch.draws[row.draw].patient == made.patient
        if isinstance(made, FlowFile):
            assert row.bead_population == made.bead_population


def test_the_demo_batch_is_what_it_says(repository: Path) -> None:
    batch = load_batch(Path("config/config.yaml"), directory=repository)
    recipe = load_recipe(repository / "config" / "simulation.yaml")
    draws = [(draw.cohort, draw.patient) for draw in batch.draws.values()]
    assert [draws.count(("patient", patient)) for patient in ("P01", "P02")] == [3, 3]
    assert [draws.count(("donor", donor)) for donor in ("D01", "D02")] == [1, 1]
    assert sum(a.modality == "image" for a in batch.acquisitions.values()) == 1
    broken = [a for a in recipe.acquisitions.values() if getattr(a, "truncate_at", None)]
    assert len(broken) == 1


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("events: 10", "events: 0", "events"),
        ("events: 10", "evnets: 10", "evnets"),
        ("events: 10", "events: 10, planted: {CHC: 3}", "CHC"),
        ("events: 10", "events: 10, planted: {CHC_CK: -3}", "CHC_CK"),
        ("events: 10", "events: 10, composition: {dead: 0}", "composition"),
        ("file: a.fcs", "file: ../a.fcs", "file"),
        ("modality: flow", "modality: mass", "modality"),
        ("seed: 1", "seed: -1", "seed"),
    ],
)
def test_a_fault_of_a_recipe_is_named(tmp_path: Path, old: str, new: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        load_recipe(write(tmp_path, RECIPE.replace(old, new)))


def test_two_acquisitions_may_not_write_one_file(tmp_path: Path) -> None:
    second = RECIPE.splitlines()[-1].replace("A1", "A2")
    with pytest.raises(ConfigError, match=r"a\.fcs is written by two acquisitions"):
        load_recipe(write(tmp_path, RECIPE + second + "\n"))


def test_a_part_has_its_seed_from_its_name_alone() -> None:
    assert derive_seed(1, "A1") == derive_seed(1, "A1")
    assert len({derive_seed(1, "A1"), derive_seed(1, "A2"), derive_seed(2, "A1")}) == 3
