"""From the sums of a group to its rows of counts.tsv."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chc_gating.counting.blood_count import find_expected_wbc
from chc_gating.counting.doubts import find_doubts
from chc_gating.counting.exposure import UL_PER_ML
from chc_gating.counting.exposure_mixture import find_effective_volume, mix_exposures
from chc_gating.counting.groups import Group, exceeds_draw
from chc_gating.counting.intervals import find_extra_limits, find_rate_interval
from chc_gating.counting.route_agreement import DISAGREE
from chc_gating.model.acquisition import PhenotypeCount
from chc_gating.model.count import CountRow, ExtraIntervals
from chc_gating.model.exposure import Exposure, Recovery
from chc_gating.model.flags import join_flags
from chc_gating.model.phenotypes import CANDIDATE_CLASSES

STANDARD_ML = 7.5
WBC_TOLERANCE = 2.0
"""Factor by which leukocytes per volume may differ from the blood count without a flag."""
LEAST_MONONUCLEAR = 0.1
"""Lymphocytes and monocytes as a share of leukocytes, at the least: in neutrophilia."""
_NOT_VOLUMETRIC = ("nucleated_cells", "volume_ml")
"""Sources that say nothing of their own on leukocytes per volume: from the blood count, or not
yet reduced by recovery."""


@dataclass(frozen=True)
class RowBase:
    """What every row of a draw shares."""

    draw: str
    patient: str
    cohort: str
    collected_on: str
    software_version: str
    config_hash: str

    def make_row(self, **values: object) -> CountRow:
        """Return a row with these further columns."""
        return CountRow.model_validate({**vars(self), **values})


@dataclass(frozen=True)
class Sums:
    """A counted group with what its numbers per volume rest on.

    problem : why there is no number per volume, or None.
    differing : classes whose counts in the acquisitions do not fit one rate.
    """

    group: Group
    recovery: Recovery | None = None
    problem: str | None = None
    differing: tuple[str, ...] = ()

    @property
    def exposures(self) -> tuple[Exposure, ...]:
        """The exposures that are added."""
        return tuple(member.exposure for member in self.group.summed)

    @property
    def applied_recovery(self) -> Recovery | None:
        """The recovery, where it applies to a part of the exposure."""
        return self.recovery if any(e.recovery_applies for e in self.exposures) else None

    @property
    def source(self) -> str | None:
        """Where the volume comes from; several, in order, where routes differ."""
        if self.group.volume_ml is None:
            return None
        return "+".join(dict.fromkeys(str(e.source) for e in self.exposures))

    @property
    def implied_wbc_per_ul(self) -> float | None:
        """Leukocytes over exposure; None where the exposure is no volume of its own."""
        volume = self.group.volume_ml
        named = "leukocyte" in self.group.phenotypes
        if volume is None or not named or {e.source for e in self.exposures} & {*_NOT_VOLUMETRIC}:
            return None
        return self.group.count_events("leukocyte") / (volume * UL_PER_ML)


def build_rows(sums: Sums, base: RowBase) -> tuple[CountRow, ...]:
    """Return one row for every phenotype of a counted group."""
    flags = find_group_flags(sums)
    return tuple(
        _build_row(sums, base, phenotype=name, flags=flags) for name in sums.group.phenotypes
    )


def build_uncounted_rows(
    group: Group, base: RowBase, *, phenotypes: Sequence[str], flags: Sequence[str] = ()
) -> tuple[CountRow, ...]:
    """Return a group's rows where nothing could be counted: empty cells, never 0."""
    return tuple(
        base.make_row(
            **group.key._asdict(),
            phenotype=name,
            flags=join_flags(flags),
            status="not_counted",
            reason=group.problem,
        )
        for name in phenotypes or (None,)
    )


def find_group_flags(sums: Sums) -> tuple[str, ...]:
    """Return the flags that all rows of a counted group carry."""
    group = sums.group
    flags = [flag for exposure in sums.exposures for flag in exposure.flags]
    flags += [flag for member in group.summed for flag in member.result.draw_flags]
    flags += find_doubts(group)
    conditions = {
        "acquisition_failed": bool(group.failed),
        "replicate_not_summed": any(member.apart for member in group.members),
        "exposure_exceeds_volume": exceeds_draw(group),
        DISAGREE: any(route.disagrees for member in group.summed for route in member.routes),
        "not_corrected_for_recovery": sums.applied_recovery is None,
        "recovery_varies": bool(sums.applied_recovery and sums.applied_recovery.predictive),
        "implied_wbc_differs": _wbc_differs(sums),
    }
    return tuple(sorted({*flags, *(name for name, holds in conditions.items() if holds)}))


def _wbc_differs(sums: Sums) -> bool:
    """Return whether leukocytes per volume differ by more than a factor of 2 from what is expected.

    With a blank ``preparation`` anything between a tenth of the leukocytes (the least that a
    gradient keeps) and all of them may be expected, and is given the same factor.
    """
    implied, draw = sums.implied_wbc_per_ul, sums.group.draw
    if implied is None or draw.wbc_per_ul is None:
        return False
    stated = find_expected_wbc(draw).per_ul
    least = stated if stated is not None else draw.wbc_per_ul * LEAST_MONONUCLEAR
    most = stated if stated is not None else draw.wbc_per_ul
    return not least / WBC_TOLERANCE <= implied <= most * WBC_TOLERANCE


def _build_row(sums: Sums, base: RowBase, *, phenotype: str, flags: tuple[str, ...]) -> CountRow:
    group = sums.group
    found = [p for m in group.summed for p in m.result.phenotypes if p.name == phenotype]
    count = group.count_events(phenotype)
    clean = _add_up(found, "without_saturated")
    if clean is not None and clean < count and phenotype.split("_")[0] in CANDIDATE_CLASSES:
        flags = (*flags, "saturated_candidates")
    if phenotype in sums.differing:
        flags = (*flags, "acquisitions_differ")
    return base.make_row(
        **group.key._asdict(),
        phenotype=phenotype,
        count=count,
        exposure_ml=group.volume_ml,
        exposure_source=sums.source,
        **_describe_rate(count, sums),
        **_describe_share(count, group.nucleated_events),
        implied_wbc_per_ul=sums.implied_wbc_per_ul,
        count_without_saturated=clean,
        count_low_cut=_add_up(found, "low_cut"),
        count_high_cut=_add_up(found, "high_cut"),
        call="not_assessable",
        flags=join_flags(flags),
        status="counted",
        reason=sums.problem,
    )


def _describe_rate(count: int, sums: Sums) -> dict[str, float | None]:
    """Return the numbers per volume, recovery included; none where no volume is known.

    C = 7.5 k / (E R); the limits are of the count, mixed over what is uncertain in E R.
    """
    if sums.problem is not None:
        return {}
    recovery = sums.applied_recovery
    volume = find_effective_volume(sums.exposures, recovery)
    mixture = mix_exposures(sums.exposures, recovery, shape=count + 1)
    interval = find_rate_interval(count, mixture)
    return {
        "recovery": None if recovery is None else recovery.rate,
        "exposure_cv": mixture.cv,
        "per_7_5_ml": STANDARD_ML * count / volume,
        "ci95_low_per_7_5_ml": STANDARD_ML * interval.low,
        "ci95_high_per_7_5_ml": STANDARD_ML * interval.high,
        "upper95_per_7_5_ml": STANDARD_ML * interval.upper,
        "per_ml": count / volume,
    }


def list_extras(sums: Sums) -> tuple[ExtraIntervals, ...]:
    """Return Jeffreys' and mid-p intervals of a group's CHC and CTC; none without a volume."""
    if sums.problem is not None:
        return ()
    return tuple(
        _build_extras(sums, name) for name in CANDIDATE_CLASSES if name in sums.group.phenotypes
    )


def _build_extras(sums: Sums, phenotype: str) -> ExtraIntervals:
    count = sums.group.count_events(phenotype)
    limits = find_extra_limits(
        count, mix_exposures(sums.exposures, sums.applied_recovery, shape=count + 1)
    )
    scaled = {f"{name}_per_7_5_ml": STANDARD_ML * value for name, value in vars(limits).items()}
    return ExtraIntervals.model_validate(
        {**sums.group.key._asdict(), "phenotype": phenotype, **scaled}
    )


def _describe_share(count: int, nucleated: int | None) -> dict[str, float | int | None]:
    if not nucleated:
        return {"nucleated_cells": nucleated}
    return {
        "nucleated_cells": nucleated,
        "per_50k_nucleated": count / nucleated * 5e4,
        "per_million_nucleated": count / nucleated * 1e6,
    }


def _add_up(found: Sequence[PhenotypeCount], which: str) -> int | None:
    """Return the summed count of one kind, or None where one of the parts has none."""
    counts = [getattr(part, which) for part in found]
    return None if not counts or None in counts else sum(counts)
