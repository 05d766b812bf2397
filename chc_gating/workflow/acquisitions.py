"""What the rules of tubes and of slides ask alike: raw file, panel, gates, spillover, folder."""

from __future__ import annotations

from pathlib import Path

from chc_gating.batch import layout
from chc_gating.batch.rows import Acquisition
from chc_gating.model.panel import SPILLOVER_WORDS
from chc_gating.workflow.jobs import Jobs, Wildcards


class AcquisitionJobs(Jobs):
    """The jobs of one acquisition, by its row of the sheet."""

    def _row(self, wildcards: Wildcards) -> Acquisition:
        return self.batch.acquisitions[wildcards.acquisition]

    def raw_file(self, wildcards: Wildcards) -> str:
        """Return the raw file of an acquisition, whether it exists or not."""
        return self._row(wildcards).file

    def existing_raw_file(self, wildcards: Wildcards) -> list[str]:
        """Return the raw file if it exists: a missing one is a result, not a failed run.

        Of a slide that is a folder, the folder and the files that lie directly in it: the TIFFs of
        its channels, or the metadata of a zarr store (a chunk that changes is not seen).
        """
        path = Path(self.raw_file(wildcards))
        if path.is_dir():
            files = sorted(file.as_posix() for file in path.iterdir() if file.is_file())
            return [path.as_posix(), *files]
        return [self.raw_file(wildcards)] if path.is_file() else []

    def panel_file(self, wildcards: Wildcards) -> str:
        """Return the panel file of an acquisition."""
        return self.batch.panel_path(self._row(wildcards).panel).as_posix()

    def gates_file(self, wildcards: Wildcards) -> str:
        """Return the gates file of an acquisition."""
        return self.batch.gates_path(self._row(wildcards).gates).as_posix()

    def gates_source(self, wildcards: Wildcards) -> list[str]:
        """Return the other program's file that an acquisition's gates come from, if any."""
        gates = self.batch.gates[self._row(wildcards).gates]
        if gates.file is None:
            return []
        return [(self.batch.gates_folder / gates.file).as_posix()]

    def folder(self, wildcards: Wildcards) -> str:
        """Return the folder of an acquisition's results."""
        return layout.acquisition_folder(self.results, wildcards.acquisition).as_posix()

    def spillover_files(self, wildcards: Wildcards) -> list[str]:
        """Return the spillover result that an acquisition needs: none unless from a table."""
        row = self._row(wildcards)
        source = self.batch.panels[row.panel].spillover
        if source in SPILLOVER_WORDS and source != "controls":
            return []
        group = _choose_control_set(row) if source == "controls" else None
        return [layout.spillover_file(self.results, row.panel, group).as_posix()]

    def _spillover_option(self, wildcards: Wildcards) -> list[str]:
        return [word for path in self.spillover_files(wildcards) for word in ("--spillover", path)]


def _choose_control_set(row: Acquisition) -> str | None:
    """Return the controls that an acquisition uses: its own set, else its lot's."""
    return row.control_set if row.control_set is not None else row.lot
