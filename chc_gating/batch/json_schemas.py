"""JSON Schema of every YAML file and of every sheet's rows, from the models themselves."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from chc_gating.batch.configuration import SHEETS
from chc_gating.batch.settings import Configuration
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NAMED_BY_FILE = "name"


def make_schemas() -> dict[str, dict[str, Any]]:
    """Return a JSON Schema by name: config, panel, gates, and one per sheet (of one row)."""
    schemas = {
        "config": _make_schema(Configuration),
        "panel": _make_schema(Panel),
        "gates": _make_schema(Gates),
    }
    return schemas | {name: _make_schema(record) for name, record in SHEETS.items()}


def _make_schema(record: type[BaseModel]) -> dict[str, Any]:
    schema = record.model_json_schema(by_alias=True)
    # The name of a panel or gates file is its file name, and no key that a user writes.
    if record in (Panel, Gates):
        del schema["properties"][_NAMED_BY_FILE]
        schema["required"] = [key for key in schema["required"] if key != _NAMED_BY_FILE]
    return {"$schema": DIALECT, **schema}
