"""A YAML document to a record: every fault with its line, its path of keys and its value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from chc_gating.batch.documents import Document
from chc_gating.batch.explain import explain_error
from chc_gating.errors import Fault
from chc_gating.model.gates import WRITTEN_BY_NOBODY

RecordType = TypeVar("RecordType", bound=BaseModel)


def validate_document(
    document: Document, record: type[RecordType], *, name: str | None = None
) -> tuple[RecordType | None, list[Fault]]:
    """Return the record, or None and what is wrong. ``name``, if given, is its field ``name``."""
    faults = []
    data: Mapping[str, Any] = document.data
    if name is not None:
        if "name" in data:
            remedy = "remove it; the name is the file's name without .yaml"
            faults.append(document.fault(("name",), "is not a known key", remedy))
        data = {**data, "name": name}
    try:
        made = record.model_validate(data)
    except ValidationError as error:
        return None, faults + [
            _explain(document, record, detail) for detail in error.errors(include_url=False)
        ]
    return (None, faults) if faults else (made, faults)


def find_booleans(value: object, keys: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """Yield the path of every true or false in a document's data."""
    if isinstance(value, bool):
        yield keys
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from find_booleans(item, (*keys, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from find_booleans(item, (*keys, i))


def _explain(document: Document, record: type[BaseModel], detail: Any) -> Fault:
    keys = tuple(key for key in detail["loc"] if key != "[key]")
    problem, remedy = explain_error(detail, known=_known_keys(record, keys[:-1]))
    value = None if detail["type"] in ("missing", "extra_forbidden") else detail["input"]
    return document.fault(keys, problem, remedy, value)


def _known_keys(record: type[BaseModel], keys: tuple[object, ...]) -> list[str]:
    """Return the keys that a user may write in the mapping at a path of keys."""
    here: type[BaseModel] | None = record
    inside_mapping: type[BaseModel] | None = None
    for key in keys:
        if inside_mapping is not None:
            here, inside_mapping = inside_mapping, None
            continue
        if here is None:
            return []
        field = next((f for n, f in here.model_fields.items() if key in (n, f.alias)), None)
        inner, mapped = _record_inside(None if field is None else field.annotation)
        here, inside_mapping = (None, inner) if mapped else (inner, None)
    if here is None:
        return []
    return [
        f.alias or n
        for n, f in here.model_fields.items()
        if n != "name" and f.description != WRITTEN_BY_NOBODY
    ]


def _record_inside(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """Return the record that an annotation holds, and whether it is the value of a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return next((r for r in map(_record_inside, arguments) if r[0] is not None), (None, False))
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return _record_inside(arguments[1])[0], True
    return None, False
