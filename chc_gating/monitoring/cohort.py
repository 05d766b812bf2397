"""A batch's statements: groups, CHC against CTC, agreement."""

from __future__ import annotations

from collections.abc import Sequence

from chc_gating.model.acquisition import InputFile
from chc_gating.model.cohort import CohortResult
from chc_gating.model.count import CountRow, DrawCount
from chc_gating.monitoring.agreement import MIN_PAIRS, find_agreement
from chc_gating.monitoring.chc_to_ctc import RESAMPLES, compare_chc_to_ctc
from chc_gating.monitoring.cohort_draws import PHENOTYPES, explain_volume, find_scopes
from chc_gating.monitoring.cohort_groups import (
    FEWEST_PER_GROUP,
    FIELDS,
    MIN_PER_GROUP,
    compare_field,
)
from chc_gating.monitoring.cohort_permutation import MONTE_CARLO, MOST_EXACT

SEED = 20_260
"""Of every permutation and resample: the same batch gives the same numbers."""


def describe_cohort(
    draws: Sequence[DrawCount], *, software_version: str, inputs: Sequence[InputFile] = ()
) -> CohortResult:
    """Return every statement on the draws of a batch; nothing mixes modality, panel or gates."""
    scopes = find_scopes(draws)
    comparisons = [
        found
        for field in FIELDS
        for scope in scopes
        for phenotype in PHENOTYPES
        if (found := compare_field(draws, field, scope=scope, phenotype=phenotype, seed=SEED))
    ]
    ratios = [compare_chc_to_ctc(draws, s, min_patients=MIN_PER_GROUP, seed=SEED) for s in scopes]
    tests = sum((c.permutation is not None) for c in comparisons)
    tests += sum(c.trend is not None and c.trend.permutation is not None for c in comparisons)
    return CohortResult(
        software_version=software_version,
        inputs=tuple(inputs),
        parameters={
            "seed": SEED,
            "min_per_group": MIN_PER_GROUP,
            "fewest_per_group": FEWEST_PER_GROUP,
            "min_pairs": MIN_PAIRS,
            "most_exact_assignments": MOST_EXACT,
            "sampled_assignments": MONTE_CARLO,
            "resamples": RESAMPLES,
        },
        comparisons=tuple(comparisons),
        chc_to_ctc=tuple(found for found in ratios if found is not None),
        agreement=find_agreement(draws),
        left_out=tuple(_list_left_out(draws)),
        notes=tuple(_find_notes(tests)),
    )


def _find_notes(tests: int) -> list[str]:
    notes = ["each patient's first draw that can be used stands for the patient"]
    if tests:
        notes.append(f"{tests} permutation p, none adjusted for the others")
    return notes


def _list_left_out(draws: Sequence[DrawCount]) -> list[str]:
    """Say which counted draws take part in no comparison per volume, and why."""
    found: dict[str, None] = {}
    for draw in draws:
        for row in draw.rows:
            reason = _explain(row)
            if reason is not None:
                found[f"{row.draw}: {reason}"] = None
        if draw.status == "not_counted":
            found[f"{draw.draw['draw']}: not counted"] = None
    return list(found)


def _explain(row: CountRow) -> str | None:
    if row.status != "counted" or row.phenotype not in PHENOTYPES:
        return None
    return explain_volume(row)
