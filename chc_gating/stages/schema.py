"""`chc schema`: JSON Schema files, for editors and for programs that write sheets."""

from __future__ import annotations

import json
from pathlib import Path

from chc_gating.batch.json_schemas import make_schemas
from chc_gating.storage.atomic import write_text


def write_schemas(folder: Path) -> tuple[Path, ...]:
    """Write NAME.schema.json for every YAML file and sheet; return the paths."""
    paths = []
    for name, schema in make_schemas().items():
        path = Path(folder) / f"{name}.schema.json"
        write_text(path, json.dumps(schema, indent=2, ensure_ascii=False) + "\n")
        paths.append(path)
    return tuple(paths)
