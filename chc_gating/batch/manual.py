"""The tables of the user's manual, config/README.md, from the models: they cannot drift apart."""

from __future__ import annotations

import re
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from chc_gating.batch.configuration import SHEETS
from chc_gating.batch.rows import Row
from chc_gating.batch.settings import Configuration, Settings
from chc_gating.batch.tables import column_kind
from chc_gating.model.control_cuts import ControlCut
from chc_gating.model.gates import WRITTEN_BY_NOBODY, Cut, Gates, PopulationGate
from chc_gating.model.panel import Channel, Panel, Transform
from chc_gating.model.segmentation import SegmentationChoice
from chc_gating.model.slide_cuts import BackgroundCut

MODELS: dict[str, type[BaseModel]] = {
    "config": Configuration,
    "settings": Settings,
    **SHEETS,
    "panel": Panel,
    "transform": Transform,
    "segmentation": SegmentationChoice,
    "channel": Channel,
    "gates": Gates,
    "population": PopulationGate,
    "cut": Cut,
    "background": BackgroundCut,
    "control_cut": ControlCut,
}
_NAMED_BY_FILE = "name"
_MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_FORMS = {
    "id": "id",
    "text": "text",
    "path": "path",
    "choice": "one of these words",
    "number": "number",
    "integer": "whole number",
    "date": "date",
    "moment": "time",
}


def refresh_manual(text: str) -> str:
    """Return a manual with each marked table written anew: ``<!-- table: draws -->``."""
    return _MARKED.sub(lambda m: f"{m[1]}{describe_model(MODELS[m[2]])}{m[3]}", text)


def describe_batch() -> str:
    """Return every column and key as Markdown, for the folder of a new batch."""
    parts = [
        "# Every column of the sheets and every key of the YAML files\n\n"
        "A blank cell means not known. Paths are relative to the folder above this one.\n"
    ]
    for name, record in MODELS.items():
        lead = (record.__doc__ or "").strip().partition("\n")[0]
        parts.append(f"## {name}\n\n{lead}\n\n{describe_model(record)}")
    return "\n".join(parts)


def describe_model(record: type[BaseModel]) -> str:
    """Return a Markdown table of a sheet's columns or of a YAML file's keys."""
    if issubclass(record, Row):
        lines = [
            "| column | required | form | unit | default | meaning |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_describe_column(record, name) for name in record.model_fields]
    else:
        lines = ["| key | required | unit | default | meaning |", "|---|---|---|---|---|"]
        lines += [
            _describe_key(info.alias or name, info)
            for name, info in record.model_fields.items()
            if name != _NAMED_BY_FILE and not _is_hidden(info)
        ]
    return "\n".join(lines) + "\n"


def _is_hidden(info: FieldInfo) -> bool:
    """Return whether a key is set by a reader of files and written by nobody."""
    return info.description == WRITTEN_BY_NOBODY


def _describe_column(record: type[Row], name: str) -> str:
    info = record.model_fields[name]
    form = _FORMS[column_kind(record, name)]
    return _join(f"`{name}`", _required(info), form, _unit(info), _default(info), _meaning(info))


def _describe_key(key: str, info: FieldInfo) -> str:
    return _join(f"`{key}`", _required(info), _unit(info), _default(info), _meaning(info))


def _join(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _required(info: FieldInfo) -> str:
    return "yes" if info.is_required() else ""


def _unit(info: FieldInfo) -> str:
    extra: Any = info.json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""


def _default(info: FieldInfo) -> str:
    value = info.default
    if info.is_required() or value in (None, "", (), {}) or isinstance(value, BaseModel):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _meaning(info: FieldInfo) -> str:
    words = _choices(info)
    text = info.description or ""
    unnamed = [word for word in words if f"`{word}`" not in text]
    return f"{text} One of {', '.join(f'`{w}`' for w in words)}." if unnamed else text


def _choices(info: FieldInfo) -> tuple[str, ...]:
    """Return the words that a field may hold, () where it is not a choice."""
    arguments = get_args(info.annotation)
    if arguments and all(isinstance(word, str) for word in arguments):
        return arguments
    return ()
