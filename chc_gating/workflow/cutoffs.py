"""What `workflow/rules/cutoffs.smk` asks: control slides to cells, and to the cuts of a set."""

from __future__ import annotations

import shlex
from pathlib import Path

from chc_gating.batch import layout
from chc_gating.batch.control_rules import choose_control_set, list_cut_controls
from chc_gating.batch.rows import Control
from chc_gating.workflow.jobs import (
    Jobs,
    Wildcards,
    list_existing,
    list_opening_options,
    repeat_option,
)


class CutoffJobs(Jobs):
    """The jobs of controls that cuts are taken from."""

    def raw_file(self, wildcards: Wildcards) -> str:
        """Return the slide of a control, whether it exists or not."""
        return self.batch.controls[wildcards.control].file

    def existing_raw_file(self, wildcards: Wildcards) -> list[str]:
        """Return the slide of a control if it exists; of a folder, the files in it as well."""
        return list_existing(self.raw_file(wildcards))

    def opening_options(self, wildcards: Wildcards) -> str:
        """Return how to open the slide of a control: its index, and its pixel size if given."""
        return shlex.join(list_opening_options(self.batch.controls[wildcards.control]))

    def panel_of_control(self, wildcards: Wildcards) -> str:
        """Return the panel file of a control."""
        return self.batch.panel_path(self.batch.controls[wildcards.control].panel).as_posix()

    def folder(self, wildcards: Wildcards) -> str:
        """Return the folder of a control's results."""
        return self._folder(wildcards.control)

    def _folder(self, control: str) -> str:
        return layout.control_slide_folder(self.results, control).as_posix()

    def panel_file(self, wildcards: Wildcards) -> str:
        """Return the file of a panel."""
        return self.batch.panel_path(wildcards.panel).as_posix()

    def gates_file(self, wildcards: Wildcards) -> str:
        """Return a gates file."""
        return self.batch.gates_path(wildcards.gates).as_posix()

    def gates_source(self, wildcards: Wildcards) -> list[str]:
        """Return the other program's file that gates come from, if any."""
        return self.list_gates_source(wildcards.gates)

    def _controls(self, wildcards: Wildcards) -> list[Control]:
        return list_cut_controls(
            self.batch.controls.values(),
            panel=wildcards.panel,
            control_set=layout.read_lot(wildcards.control_set),
            gates=self.batch.gates[wildcards.gates],
        )

    def measured(self, wildcards: Wildcards) -> list[str]:
        """Return what a set's cuts are taken from: measured slides, or tubes that exist."""
        if self.batch.panels[wildcards.panel].modality == "flow":
            files = (row.file for row in self._controls(wildcards))
            return [file for file in files if Path(file).is_file()]
        return [
            f"{self._folder(row.control)}/{file}"
            for row in self._controls(wildcards)
            for file in layout.MEASURE_FILES
        ]

    def spillover_files(self, wildcards: Wildcards) -> list[str]:
        """Return the spillover result that a set's controls need: that of its acquisitions."""
        return self.list_spillover(wildcards.panel, layout.read_lot(wildcards.control_set))

    def options(self, wildcards: Wildcards) -> str:
        """Return the options of `chc cutoffs`: its controls, spillover and least events."""
        words = []
        is_slide = self.batch.panels[wildcards.panel].modality == "image"
        for row in self._controls(wildcards):
            path = self._folder(row.control) if is_slide else row.file
            named = path if row.kind == "unstained" else f"{row.marker or ''}={path}"
            words += [f"--{row.kind}", named]
        words += repeat_option("--bead-population", self._bead_populations(wildcards))
        words += repeat_option("--spillover", self.spillover_files(wildcards))
        return shlex.join([*words, "--min-events", str(self.batch.settings.min_events)])

    def _bead_populations(self, wildcards: Wildcards) -> list[str]:
        """Return the populations of beads of the acquisitions that use a set's cuts."""
        key = (wildcards.panel, wildcards.gates, layout.read_lot(wildcards.control_set))
        names = {
            row.bead_population
            for row in self.batch.acquisitions.values()
            if (row.panel, row.gates, choose_control_set(row)) == key
        }
        return sorted(name for name in names if name is not None)
