"""What `workflow/rules/draws.smk` asks: acquisitions to the count and the page of a draw."""

from __future__ import annotations

from collections.abc import Iterable

from chc_gating.batch import layout
from chc_gating.counting.recovery_sources import recovery_draws, recovery_sources
from chc_gating.workflow.jobs import Jobs, Wildcards, match_one_of
from chc_gating.workflow.limits import list_limits
from chc_gating.workflow.settings import pick_counting_settings, write_facts


class DrawJobs(Jobs):
    """The jobs of one draw."""

    @property
    def pattern(self) -> str:
        """A pattern that matches the ids of this batch's draws only."""
        return match_one_of(self.batch.draws)

    def count_inputs(self, wildcards: Wildcards) -> list[str]:
        """Return the results that a draw is counted from, its recovery's draws included."""
        own = [row.acquisition for row in self.batch.acquisitions_of(wildcards.draw)]
        spikes = recovery_sources(self.batch, wildcards.draw)
        names = dict.fromkeys([*own, *spikes])
        return [path for name in names for path in self._results(name, ["populations.json"])]

    def page_inputs(self, wildcards: Wildcards) -> list[str]:
        """Return the results of acquisitions that a draw's page shows."""
        paths: list[str] = []
        for row in self.batch.acquisitions_of(wildcards.draw):
            files = layout.FLOW_FILES if row.modality == "flow" else layout.SLIDE_PAGE_FILES
            paths += self._results(row.acquisition, files)
        return paths

    def _results(self, acquisition: str, files: Iterable[str]) -> list[str]:
        folder = layout.acquisition_folder(self.results, acquisition)
        return [(folder / file).as_posix() for file in files]

    def limits(self, wildcards: Wildcards) -> list[str]:
        """Return the limits that a draw's page shows: none for donors and spike draws."""
        return list_limits(self.batch, [wildcards.draw])

    def rows(self, wildcards: Wildcards) -> str:
        """Return all that a draw's count depends on beside its files, as one text.

        Settings of limits are no part of it: a count never depends on limits.
        It is a param and no input: an edited row re-runs its own draw only.
        """
        draws = (wildcards.draw, *recovery_draws(self.batch, wildcards.draw))
        return write_facts(
            {
                "acquisitions": {
                    row.acquisition: self.batch.row_params(row.acquisition)
                    for draw in draws
                    for row in self.batch.acquisitions_of(draw)
                },
                "draws": {draw: self.batch.draw_params(draw) for draw in draws},
                "settings": pick_counting_settings(self.batch),
            }
        )
