"""Records as JSON files."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from chc_gating.errors import ChcError
from chc_gating.storage.atomic import write_text

RecordType = TypeVar("RecordType", bound=BaseModel)


def write_record(path: Path, record: BaseModel) -> None:
    """Write a record as JSON: keys in the order of their definition, no time stamp."""
    write_text(path, record.model_dump_json(indent=2, by_alias=True) + "\n")


def read_record(path: Path, kind: type[RecordType]) -> RecordType:
    """Read a record that `write_record` wrote.

    Raises ChcError where the file is absent, cut short, or of another kind or version.
    """
    try:
        return kind.model_validate_json(Path(path).read_bytes())
    except FileNotFoundError:
        raise ChcError(f"{path}: no such result; run the stage that writes it") from None
    except ValidationError as error:
        raise ChcError(
            f"{path}: not a {kind.__name__} that this version wrote "
            f"({error.error_count()} faults); run the stage that writes it again"
        ) from None
