"""What all workers of a pass share, and the sums and the room that each has for itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.gating.density_plan import BINS
from chc_gating.gating.plan import EventRule, GatePlan
from chc_gating.kernels.plan_arrays import PlanArrays
from chc_gating.kernels.records import (
    BLOCK_EVENTS,
    Course,
    Room,
    Sums,
    set_up_desk,
    tabulate_starts,
)
from chc_gating.model.events import FloatArray
from chc_gating.model.flags import LOST_FLAG, event_flag_bit
from chc_gating.model.phenotypes import CANDIDATE_CLASSES


@dataclass(frozen=True)
class Task:
    """A plan bound to a stream, as kernels need it.

    rules : the gates that no kernel decides, by population, ascending. front_flags : (n,) flags
    that the front end already knows, or None. keeps_events : whether what every event is has to
    be kept.
    """

    plan: GatePlan
    arrays: PlanArrays
    course: Course
    rules: Mapping[int, EventRule] = field(default_factory=dict)
    front_flags: NDArray[np.uint32] | None = None
    keeps_events: bool = False


def name_leaves(plan: GatePlan) -> tuple[str, ...]:
    """Return the names of a plan's leaf classes; the first is that of events without a class."""
    return plan.phenotypes.classes if plan.phenotypes is not None else ("outside",)


def plot_course(
    plan: GatePlan,
    *,
    bin_first: NDArray[np.int64],
    edges: Sequence[FloatArray],
    stride: int,
) -> Course:
    """Return what is the same for every batch; edges : (bins + 1,) of every density, x and y."""
    different = {axis.tobytes(): axis for axis in edges}
    place = {key: a for a, key in enumerate(different)}
    families = plan.phenotypes.families if plan.phenotypes is not None else ("outside",)
    order = plan.population_names
    bits = ("bead", "nonfinite", "saturated", "leans_on_saturated", "left_by_when", LOST_FLAG)
    values = [(d.x.value, d.y.value) for d in plan.densities]
    return Course(
        bin_first=bin_first,
        density_population=np.array(
            [order.index(d.population) for d in plan.densities], dtype=np.int64
        ),
        density_value=np.array(values, dtype=np.int64).reshape(-1, 2),
        density_axis=np.array([place[axis.tobytes()] for axis in edges], dtype=np.int64).reshape(
            -1, 2
        ),
        edges=np.array(list(different.values())).reshape(-1, BINS + 1),
        starts=np.array(
            [tabulate_starts(axis) for axis in different.values()], dtype=np.int16
        ).reshape(-1, 1 << 16),
        stride=stride,
        is_candidate=np.array([family in CANDIDATE_CLASSES for family in families]),
        flag_bits=np.array([event_flag_bit(name) for name in bits], dtype=np.uint32),
    )


def set_up_sums(task: Task) -> Sums:
    """Return sums of nothing."""
    plan, course = task.plan, task.course
    bins, leaves = len(course.bin_first) - 1, len(course.is_candidate)
    populations, m = len(plan.population_names), len(plan.channels)
    side = course.edges.shape[1] - 1
    return Sums(
        population=np.zeros((bins, populations), dtype=np.int64),
        undecided=np.zeros((bins, populations), dtype=np.int64),
        bead=np.zeros((bins, populations), dtype=np.int64),
        flags=np.zeros((bins, 32), dtype=np.int64),
        leaf=np.zeros((bins, 3, leaves), dtype=np.int64),
        clean=np.zeros((bins, leaves), dtype=np.int64),
        saturated=np.zeros(m, dtype=np.int64),
        nonfinite=np.zeros(m, dtype=np.int64),
        lowest=np.full(m, np.inf),
        at_lowest=np.zeros(m, dtype=np.int64),
        densities=np.zeros((len(plan.densities), side, side), dtype=np.uint32),
    )


def set_up_room(arrays: PlanArrays, classes: int, *, dtype: np.dtype[Any]) -> Room:
    """Return room to work on batches of a type, with so many leaf classes."""
    m, populations = len(arrays.factor), len(arrays.gate_kind)
    return Room(
        desk=set_up_desk(populations, m, dtype=dtype),
        close=set_up_desk(populations, m, dtype=dtype),
        close_row=np.zeros(BLOCK_EVENTS, dtype=np.int64),
        threshold=find_thresholds(arrays.factor, arrays.saturation, dtype=dtype),
        in_block=np.zeros(m, dtype=np.int64),
        classes=np.zeros((4, classes), dtype=np.int64),
    )


def find_thresholds(
    factor: FloatArray, saturation: FloatArray, *, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return (m,) of a float type: the smallest stored values that are saturated.

    Saturated is value * factor >= saturation in float64. That rises with the value, since factors
    are positive, so it is the same as one comparison of stored values, without a product.
    """
    with np.errstate(all="ignore"):
        threshold = (saturation / factor).astype(dtype)
        for step, wanted in ((-np.inf, True), (np.inf, False)):
            while True:
                beside = np.nextafter(threshold, dtype.type(step))
                tested = beside if wanted else threshold
                moves = (tested.astype(np.float64) * factor >= saturation) == wanted
                moves &= np.isfinite(threshold) | (tested != threshold)
                if not moves.any():
                    break
                threshold = np.where(moves, beside, threshold)
    return threshold
