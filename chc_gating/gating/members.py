"""The values of one population's events, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from chc_gating.gating.candidates import CandidateStore
from chc_gating.gating.decide import bit_of
from chc_gating.gating.plan import GatePlan
from chc_gating.gating.quantiles import Values
from chc_gating.gating.run import BATCH_EVENTS, prepare_task
from chc_gating.gating.worker import Worker
from chc_gating.kernels.plan_arrays import NOMINAL
from chc_gating.model.events import EventStream, FloatArray


def read_members(
    stream: EventStream,
    plan: GatePlan,
    *,
    channel: str,
    excluded: Sequence[str] = (),
    batch_events: int = BATCH_EVENTS,
) -> Values:
    """Return a reader of the phenotype population's finite compensated values in a channel.

    channel : as the plan names it. excluded : populations whose events are left out (beads).
    Events without a place in the population, and those that the front end leaves out, are passed
    over. Every call gates the stream again, and holds one batch.

    Raises RawFileError where a singlets gate finds too few events to fit its line.
    """
    task, _ = prepare_task(stream, replace(plan, densities=()), keeps_events=True)
    bit = bit_of(plan.population_names.index(plan.phenotype))
    others = np.uint64(sum(int(bit_of(plan.population_names.index(name))) for name in excluded))
    detectors, weights = task.arrays.terms(plan.channel_names.index(channel))

    def read() -> Iterator[FloatArray]:
        worker, first = Worker(task, CandidateStore(0)), 0
        for stored in stream.batches(batch_events):
            state = worker.gate(stored, first)
            inside = (state.mask[:, NOMINAL] & (bit | others)) == bit
            rows = stored[inside].astype(np.float64)
            values = np.zeros(len(rows))
            for detector, weight in zip(detectors, weights, strict=True):
                values += rows[:, detector] * weight  # in one order, whatever the batches
            yield values[np.isfinite(values)]
            first += len(stored)

    return read
