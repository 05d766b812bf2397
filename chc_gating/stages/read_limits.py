"""The limits that draws are held to, from the results folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from chc_gating.batch import layout
from chc_gating.batch.contents import Batch
from chc_gating.counting.limit_sources import limit_keys
from chc_gating.model.limits import Limits
from chc_gating.storage.records import read_record


def read_limits(batch: Batch, draws: Iterable[str], results: Path) -> list[Limits]:
    """Return the limits of these draws, each once; those that were not computed are absent.

    Raises ChcError for one that is damaged or of another version.
    """
    keys = dict.fromkeys(key[1:] for draw in draws for key in limit_keys(batch, draw))
    paths = [
        layout.limits_file(Path(results), panel, gates=gates, lot=lot) for panel, gates, lot in keys
    ]
    return [read_record(path, Limits) for path in paths if path.is_file()]
