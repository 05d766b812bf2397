"""The user's manual and the JSON Schemas say what the models say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chc_gating.batch.configuration import SHEETS
from chc_gating.batch.json_schemas import make_schemas
from chc_gating.batch.manual import MODELS, describe_model, refresh_manual
from chc_gating.model.gates import Gates, PopulationGate
from chc_gating.stages.schema import write_schemas

# The columns of the contract, in its words and order, and those that were added.
COLUMNS = {
    "draws": "draw patient cohort group stage response collected_on drawn_at received_at volume_ml "
    "wbc_per_ul lymphocyte_fraction monocyte_fraction cbc_cv preparation spiked recovered "
    "recovery_scope note",
    "acquisitions": "acquisition draw modality file image tube tube_order panel gates lot "
    "control_set operator replicate fraction_stained fraction_acquired dilution_factor "
    "volume_acquired_ul bead_population beads_added bead_lot_cv blood_in_tube_ml "
    "volume_plated_ml pixel_size_um camera_tile_px flat_field dark_level labels note",
    "controls": "control panel control_set kind marker file image pixel_size_um",
    "biomarkers": "patient date analyte value unit",
    "clinical_events": "patient date end_date kind detail",
}
REQUIRED = {
    "draws": "draw patient cohort collected_on",
    "acquisitions": "acquisition draw modality file panel gates",
    "controls": "control panel kind file",
}


@pytest.mark.parametrize("name", SHEETS)
def test_a_sheet_has_the_columns_of_the_contract(name: str) -> None:
    assert list(SHEETS[name].model_fields) == COLUMNS[name].split()


@pytest.mark.parametrize("name", REQUIRED)
def test_a_sheet_requires_the_columns_of_the_contract(name: str) -> None:
    fields = SHEETS[name].model_fields
    assert [n for n, info in fields.items() if info.is_required()] == REQUIRED[name].split()


def test_the_tables_of_the_manual_are_those_of_the_models(repository: Path) -> None:
    """After a change of a model: write refresh_manual(text) of config/README.md back to it."""
    text = (repository / "config" / "README.md").read_text(encoding="utf-8")
    assert refresh_manual(text) == text


@pytest.mark.parametrize("name", MODELS)
def test_the_manual_has_a_table_for_every_model(name: str, repository: Path) -> None:
    text = (repository / "config" / "README.md").read_text(encoding="utf-8")
    assert f"<!-- table: {name} -->\n| " in text


@pytest.mark.parametrize("name", MODELS)
def test_every_column_and_key_has_a_meaning(name: str) -> None:
    fields = MODELS[name].model_fields.items()
    assert [n for n, info in fields if n != "name" and not info.description] == []


def test_a_stale_table_is_written_anew() -> None:
    text = "before\n<!-- table: controls -->\n| old |\n<!-- end -->\nafter\n"
    fresh = refresh_manual(text)
    assert "| old |" not in fresh
    assert "| `control` | yes |" in fresh
    assert (fresh.startswith("before\n"), fresh.endswith("\nafter\n")) == (True, True)


def test_schemas_hold_meaning_unit_limits_and_required_keys() -> None:
    draws = make_schemas()["draws"]
    assert draws["required"] == REQUIRED["draws"].split()
    volume = draws["properties"]["volume_ml"]
    assert (volume["unit"], volume["description"]) == ("mL", "Blood processed, all tubes together.")
    assert {"exclusiveMinimum": 0, "type": "number"} in volume["anyOf"]


@pytest.mark.parametrize("name", ["panel", "gates"])
def test_a_file_is_not_asked_for_its_own_name(name: str) -> None:
    schema = make_schemas()[name]
    assert "name" not in schema["properties"]
    assert "name" not in schema.get("required", [])


def test_keys_of_gates_stand_in_the_schema_as_users_write_them() -> None:
    population = make_schemas()["gates"]["$defs"]["PopulationGate"]["properties"]
    assert {"and", "or", "not", "margins"} <= set(population)


def test_the_rule_of_a_cut_from_a_control_stands_in_the_schema_with_its_limits() -> None:
    rule = make_schemas()["gates"]["$defs"]["ControlCut"]["properties"]
    assert (rule["quantile"]["exclusiveMaximum"], rule["quantile"]["default"]) == (1, 0.9999)
    assert (rule["plus_sd"]["minimum"], rule["plus_sd"]["default"]) == (0, 0)
    cut = make_schemas()["gates"]["$defs"]["Cut"]["properties"]
    assert cut["fmo"]["anyOf"][0] == {"$ref": "#/$defs/ControlCut"}


def test_keys_that_only_a_reader_sets_stand_in_no_schema_and_no_manual() -> None:
    schema = make_schemas()["gates"]
    assert "matrices" not in schema["properties"]
    assert "imported" not in schema["$defs"]["PopulationGate"]["properties"]
    assert "`imported`" not in describe_model(PopulationGate)
    assert "`matrices`" not in describe_model(Gates)


def test_a_schema_file_is_written_for_every_yaml_and_sheet(tmp_path: Path) -> None:
    paths = write_schemas(tmp_path)
    assert sorted(path.name for path in paths) == sorted(
        f"{name}.schema.json" for name in ("config", "panel", "gates", *SHEETS)
    )
    for path in paths:
        assert json.loads(path.read_text(encoding="utf-8"))["type"] == "object"
