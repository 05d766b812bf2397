"""`chc simulate`: draws with known truth, both modalities, from a recipe."""

from __future__ import annotations

from pathlib import Path

from chc_gating.batch.documents import read_document
from chc_gating.batch.gates import load_gates
from chc_gating.batch.panels import load_panel
from chc_gating.batch.validation import validate_document
from chc_gating.errors import ConfigError
from chc_gating.simulate.batch import Rules, simulate_batch
from chc_gating.simulate.recipe import Recipe
from chc_gating.simulate.truth import TruthRow


def simulate(recipe: Path, *, output: Path) -> list[TruthRow]:
    """Write the files of a recipe, true outlines, truth.tsv and truth_cells.tsv into a folder.

    Returns the rows of truth.tsv. The same recipe gives the same bytes.

    Raises
    ------
    ConfigError
        The recipe, or a panel or gates file that it names, is at fault.
    ChcError
        The recipe cannot be carried out: more cells are planted than there is room for, or the
        oracle does not know a gate.
    """
    made = load_recipe(recipe)

    def read_rules(panel_name: str, gates_name: str) -> Rules:
        panel = load_panel(recipe.parent / made.panels / f"{panel_name}.yaml")
        gates = load_gates(recipe.parent / made.gates / f"{gates_name}.yaml", panel=panel)
        return Rules(panel=panel, gates=gates)

    return simulate_batch(made, rules=read_rules, output=output)


def load_recipe(path: Path) -> Recipe:
    """Return the recipe of a YAML file; raises ConfigError with all its faults."""
    made, faults = validate_document(read_document(path), Recipe)
    if made is None or faults:
        raise ConfigError(faults)
    return made
