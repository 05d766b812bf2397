"""What the rules of tubes and of slides ask alike: raw file, panel, gates, controls, folder."""

from __future__ import annotations

from chc_gating.batch import layout
from chc_gating.batch.control_rules import choose_control_set
from chc_gating.batch.rows import Acquisition
from chc_gating.workflow.jobs import Jobs, Wildcards, list_existing, repeat_option


class AcquisitionJobs(Jobs):
    """The jobs of one acquisition, by its row of the sheet."""

    def _row(self, wildcards: Wildcards) -> Acquisition:
        return self.batch.acquisitions[wildcards.acquisition]

    def raw_file(self, wildcards: Wildcards) -> str:
        """Return the raw file of an acquisition, whether it exists or not."""
        return self._row(wildcards).file

    def existing_raw_file(self, wildcards: Wildcards) -> list[str]:
        """Return the raw file of an acquisition, and what lies in it, if it exists."""
        return list_existing(self.raw_file(wildcards))

    def panel_file(self, wildcards: Wildcards) -> str:
        """Return the panel file of an acquisition."""
        return self.batch.panel_path(self._row(wildcards).panel).as_posix()

    def gates_file(self, wildcards: Wildcards) -> str:
        """Return the gates file of an acquisition."""
        return self.batch.gates_path(self._row(wildcards).gates).as_posix()

    def gates_source(self, wildcards: Wildcards) -> list[str]:
        """Return the other program's file that an acquisition's gates come from, if any."""
        return self.list_gates_source(self._row(wildcards).gates)

    def folder(self, wildcards: Wildcards) -> str:
        """Return the folder of an acquisition's results."""
        return layout.acquisition_folder(self.results, wildcards.acquisition).as_posix()

    def spillover_files(self, wildcards: Wildcards) -> list[str]:
        """Return the spillover result that an acquisition needs: none unless from a table."""
        row = self._row(wildcards)
        return self.list_spillover(row.panel, choose_control_set(row))

    def cutoffs_files(self, wildcards: Wildcards) -> list[str]:
        """Return the cuts that an acquisition's gates take from controls: none, or one file."""
        row = self._row(wildcards)
        if not self.batch.gates[row.gates].control_cuts:
            return []
        chosen = choose_control_set(row)
        path = layout.cutoffs_file(self.results, row.panel, control_set=chosen, gates=row.gates)
        return [path.as_posix()]

    def _options_of_controls(self, wildcards: Wildcards) -> list[str]:
        """Return the options that name the spillover and the cuts of an acquisition."""
        return [
            *repeat_option("--spillover", self.spillover_files(wildcards)),
            *repeat_option("--cutoffs", self.cutoffs_files(wildcards)),
        ]
