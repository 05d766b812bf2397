"""What `workflow/rules/flow.smk` asks: FCS files to classes."""

from __future__ import annotations

import shlex

from chc_gating.workflow.acquisitions import AcquisitionJobs
from chc_gating.workflow.jobs import Wildcards, match_one_of


class FlowJobs(AcquisitionJobs):
    """The jobs of FCS files."""

    @property
    def pattern(self) -> str:
        """A pattern that matches the ids of FCS acquisitions only."""
        return match_one_of(self.batch.acquisition_ids("flow"))

    def gate_flow_options(self, wildcards: Wildcards) -> str:
        """Return the options of `chc gate-flow` that come from the acquisition's row."""
        words = self._options_of_controls(wildcards)
        beads = self._row(wildcards).bead_population
        if beads is not None:
            words += ["--bead-population", beads]
        return shlex.join(words)
