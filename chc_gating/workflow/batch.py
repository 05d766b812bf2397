"""What `workflow/rules/batch.smk` and the Snakefile ask: the whole batch, and a run's end."""

from __future__ import annotations

from chc_gating.batch import layout
from chc_gating.workflow.jobs import Jobs, Wildcards
from chc_gating.workflow.limits import list_limits
from chc_gating.workflow.patients import PatientJobs


class BatchJobs(Jobs):
    """The jobs of the batch as a whole."""

    def counts(self, _wildcards: Wildcards) -> list[str]:
        """Return the count of every draw."""
        return self.list_counts(self.batch.draws)

    def pages(self, _wildcards: Wildcards) -> list[str]:
        """Return the page of every draw."""
        return [layout.draw_page(self.results, name).as_posix() for name in self.batch.draws]

    def limits(self, _wildcards: Wildcards) -> list[str]:
        """Return the limits of every panel, gates and lot that a patient's draw uses."""
        return list_limits(self.batch, self.batch.draws)

    def targets(self, _wildcards: Wildcards) -> list[str]:
        """Return what a run makes; with ``strict`` also the check that all draws counted."""
        folder = layout.batch_folder(self.results)
        files = [*(folder / name for name in layout.BATCH_TABLES), layout.batch_page(self.results)]
        if self.batch.settings.strict:
            files.append(folder / layout.STRICT)
        return [file.as_posix() for file in files] + PatientJobs(self.batch).list_pages()

    def closing_lines(self) -> str:
        """Return what a person wants to know when a run ends."""
        from chc_gating.stages.summarise import summarise

        return summarise(self.batch)
