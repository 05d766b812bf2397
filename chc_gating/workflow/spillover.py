"""What `workflow/rules/spillover.smk` asks: a table, or single-stained slides, of a panel."""

from __future__ import annotations

import shlex
from pathlib import Path

from chc_gating.batch import layout
from chc_gating.batch.rows import Control
from chc_gating.workflow.jobs import Jobs, Wildcards, match_one_of, repeat_option


class SpilloverJobs(Jobs):
    """The jobs of panels whose spillover is a result of its own."""

    @property
    def table_pattern(self) -> str:
        """A pattern that matches the panels whose spillover is not from controls."""
        return self._match_panels(from_controls=False)

    @property
    def controls_pattern(self) -> str:
        """A pattern that matches the panels whose spillover is from controls."""
        return self._match_panels(from_controls=True)

    def _match_panels(self, *, from_controls: bool) -> str:
        panels = self.batch.panels.items()
        return match_one_of(n for n, p in panels if (p.spillover == "controls") == from_controls)

    def panel_file(self, wildcards: Wildcards) -> str:
        """Return the file of a panel."""
        return self.batch.panel_path(wildcards.panel).as_posix()

    def table(self, wildcards: Wildcards) -> str:
        """Return the table that a panel takes its spillover from."""
        return self.batch.panels[wildcards.panel].spillover

    def _single_stains(self, wildcards: Wildcards) -> list[Control]:
        return [
            row
            for row in self.batch.controls.values()
            if row.kind == "single_stain"
            and row.panel == wildcards.panel
            and layout.name_lot(row.control_set) == wildcards.control_set
        ]

    def existing_single_stains(self, wildcards: Wildcards) -> list[str]:
        """Return the single-stained slides of a panel and control set that exist."""
        files = (Path(row.file) for row in self._single_stains(wildcards))
        return [file.as_posix() for file in files if file.exists()]

    def single_stain_options(self, wildcards: Wildcards) -> str:
        """Return the options of `chc spillover` that name the single-stained slides."""
        named = (f"{row.marker}={row.file}" for row in self._single_stains(wildcards))
        return shlex.join(repeat_option("--single-stain", named))
