"""What `workflow/rules/patients.smk` asks: a patient's draws over time."""

from __future__ import annotations

from chc_gating.batch import layout
from chc_gating.workflow.jobs import Jobs, Wildcards, match_one_of
from chc_gating.workflow.limits import list_limits
from chc_gating.workflow.settings import (
    JUDGING_SETTINGS,
    MONITOR_SETTINGS,
    pick_settings,
    write_facts,
)


class PatientJobs(Jobs):
    """The jobs of one patient."""

    @property
    def ids(self) -> list[str]:
        """The patients (cohort patient) of this batch, in order."""
        rows = self.batch.draws.values()
        return list(dict.fromkeys(row.patient for row in rows if row.cohort == "patient"))

    @property
    def pattern(self) -> str:
        """A pattern that matches the ids of this batch's patients only."""
        return match_one_of(self.ids)

    def _draws(self, wildcards: Wildcards) -> list[str]:
        rows = self.batch.draws.items()
        return [name for name, row in rows if row.patient == wildcards.patient]

    def counts(self, wildcards: Wildcards) -> list[str]:
        """Return the counts of a patient's draws."""
        return self.list_counts(self._draws(wildcards))

    def limits(self, wildcards: Wildcards) -> list[str]:
        """Return the limits that a patient's page shows."""
        return list_limits(self.batch, self._draws(wildcards))

    def rows(self, wildcards: Wildcards) -> str:
        """Return what a patient's page depends on beside the counts, as one text.

        It is a param and no input: an edited biomarker re-runs its own patient only.
        """
        batch, patient = self.batch, wildcards.patient
        events = [row.cells() for row in batch.clinical_events if row.patient == patient]
        return write_facts(
            {
                "biomarkers": [row.cells() for row in batch.biomarkers if row.patient == patient],
                "clinical_events": events,
                "settings": pick_settings(batch, *MONITOR_SETTINGS, *JUDGING_SETTINGS),
            }
        )

    def folder(self, wildcards: Wildcards) -> str:
        """Return the folder of a patient's results."""
        return layout.patient_folder(self.results, wildcards.patient).as_posix()

    def list_pages(self) -> list[str]:
        """Return the pages of all patients."""
        return [layout.patient_page(self.results, name).as_posix() for name in self.ids]
