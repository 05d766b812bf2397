"""A batch: what its configuration says, all of it valid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from chc_gating.batch.rows import Acquisition, Biomarker, ClinicalEvent, Control, Draw
from chc_gating.batch.settings import Settings
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Modality, Panel


@dataclass(frozen=True)
class Batch:
    """Draws, acquisitions and controls by id in the order of the sheets, panels and gates by name.

    Paths are as the configuration writes them, relative to ``directory``, the working directory.
    """

    config_path: Path
    directory: Path
    settings: Settings
    draws: Mapping[str, Draw]
    acquisitions: Mapping[str, Acquisition]
    controls: Mapping[str, Control]
    biomarkers: tuple[Biomarker, ...]
    clinical_events: tuple[ClinicalEvent, ...]
    panels: Mapping[str, Panel]
    gates: Mapping[str, Gates]
    panels_folder: Path
    gates_folder: Path
    results_folder: Path
    warnings: tuple[str, ...] = ()

    @cached_property
    def _by_draw(self) -> dict[str, tuple[Acquisition, ...]]:
        groups: dict[str, list[Acquisition]] = {name: [] for name in self.draws}
        for row in self.acquisitions.values():
            groups.setdefault(row.draw, []).append(row)
        return {name: tuple(rows) for name, rows in groups.items()}

    def acquisitions_of(self, draw_id: str) -> tuple[Acquisition, ...]:
        """Return a draw's acquisitions in the order of the sheet; () where it has none."""
        return self._by_draw.get(draw_id, ())

    def acquisition_ids(self, modality: Modality) -> tuple[str, ...]:
        """Return the ids of the acquisitions of one modality."""
        rows = self.acquisitions.items()
        return tuple(name for name, row in rows if row.modality == modality)

    def draw_params(self, draw_id: str) -> dict[str, str]:
        """Return the filled cells of a draw's row, by column, in one spelling."""
        return self.draws[draw_id].cells()

    def row_params(self, acquisition_id: str) -> dict[str, str]:
        """Return the filled cells of an acquisition's row, by column, in one spelling."""
        return self.acquisitions[acquisition_id].cells()

    def panel_path(self, name: str) -> Path:
        """Return the path of a panel's file."""
        return self.panels_folder / f"{name}.yaml"

    def gates_path(self, name: str) -> Path:
        """Return the path of a gates file."""
        return self.gates_folder / f"{name}.yaml"
