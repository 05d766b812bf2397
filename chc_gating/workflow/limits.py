"""What `workflow/rules/limits.smk` asks: healthy donors' counts to limits."""

from __future__ import annotations

from collections.abc import Iterable

from chc_gating.batch import layout
from chc_gating.batch.configuration import Batch
from chc_gating.batch.fingerprints import hash_gates, hash_panel
from chc_gating.counting.limit_sources import donor_draws, limit_keys
from chc_gating.workflow.jobs import Jobs, Wildcards
from chc_gating.workflow.settings import (
    LIMIT_SETTINGS,
    MEASURING_SETTINGS,
    pick_settings,
    write_facts,
)


class LimitJobs(Jobs):
    """The jobs of a panel, gates and lot."""

    def donor_counts(self, wildcards: Wildcards) -> list[str]:
        """Return the counts of the healthy donors of a panel and gates."""
        return self.list_counts(
            donor_draws(self.batch, panel=wildcards.panel, gates=wildcards.gates)
        )

    def earlier_limits(self, _wildcards: Wildcards) -> list[str]:
        """Return the limits.json files of earlier batches."""
        return list(self.batch.settings.limits)

    def facts(self, wildcards: Wildcards) -> str:
        """Return all that limits depend on beside donors' counts, as one text."""
        return write_facts(
            {
                "panel": hash_panel(self.batch.panels[wildcards.panel]),
                "gates": hash_gates(self.batch.gates[wildcards.gates]),
                "settings": pick_settings(self.batch, *LIMIT_SETTINGS, *MEASURING_SETTINGS),
            }
        )


def list_limits(batch: Batch, draws: Iterable[str]) -> list[str]:
    """Return the limits of every panel, gates and lot that patients' draws use, once each."""
    keys = [key for draw in draws for key in limit_keys(batch, draw)]
    paths = (
        layout.limits_file(batch.results_folder, key.panel, gates=key.gates, lot=key.lot)
        for key in keys
    )
    return list(dict.fromkeys(path.as_posix() for path in paths))
