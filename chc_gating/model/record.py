"""The base of every immutable record that is read from or written to a file."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
MARKER_PATTERN = r"^[A-Za-z][A-Za-z0-9_]*$"

Identifier = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
MarkerName = Annotated[str, StringConstraints(pattern=MARKER_PATTERN)]


class Record(BaseModel):
    """An immutable record; an unknown key is an error, and numbers must be finite."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True
    )
