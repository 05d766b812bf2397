"""Density histograms as one .npz file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from chc_gating.model.density import Density
from chc_gating.storage.atomic import replacing

_FACTS = ("population", "x", "y", "x_scale", "y_scale", "stride")


def write_densities(path: Path, densities: Sequence[Density]) -> None:
    """Write histograms; the facts of each are one JSON text, so nothing needs pickle."""
    arrays = {}
    for i, density in enumerate(densities):
        facts = {name: getattr(density, name) for name in _FACTS}
        arrays[f"facts_{i}"] = np.array(json.dumps(facts))
        arrays[f"counts_{i}"] = density.counts
        arrays[f"x_edges_{i}"] = density.x_edges
        arrays[f"y_edges_{i}"] = density.y_edges
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_densities(path: Path) -> tuple[Density, ...]:
    """Read histograms in the order in which they were written."""
    with np.load(path, allow_pickle=False) as arrays:
        count = sum(name.startswith("facts_") for name in arrays.files)
        return tuple(
            Density(
                **json.loads(str(arrays[f"facts_{i}"])),
                counts=arrays[f"counts_{i}"],
                x_edges=arrays[f"x_edges_{i}"],
                y_edges=arrays[f"y_edges_{i}"],
            )
            for i in range(count)
        )
