"""The populations of a sample of events, before or after the pass; nothing is counted."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chc_gating.gating.calls import call_events, set_up_found, set_up_state
from chc_gating.gating.plan import EventRule, GatePlan
from chc_gating.gating.task import Task, plot_course, set_up_room, set_up_sums
from chc_gating.kernels.plan_arrays import PlanArrays
from chc_gating.kernels.records import State
from chc_gating.model.events import StoredBatch


def call_sample(
    sample: StoredBatch,
    plan: GatePlan,
    *,
    arrays: PlanArrays,
    rules: Mapping[int, EventRule],
    stop: int,
) -> State:
    """Return what the events of a prepared sample (n, m) are, up to population ``stop``.

    ``stop`` and the populations after it, of which there must be one, are not looked at.
    arrays, rules : the plan's, bound to the stream.
    """
    n = len(sample)
    bounds = np.array([0, n], dtype=np.int64)
    course = plot_course(plan, bin_first=bounds, edges=[], stride=1)
    task = Task(plan=plan, arrays=arrays, course=course, rules=rules)
    state = set_up_state(n)
    call_events(
        sample,
        0,
        task=task,
        sums=set_up_sums(task),
        state=state,
        found=set_up_found(0),
        room=set_up_room(arrays, len(course.is_candidate), dtype=sample.dtype),
        stop=stop,
    )
    return state
