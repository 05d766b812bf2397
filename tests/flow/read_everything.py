"""Every way into an FCS file, for tests that feed it damaged bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from chc_gating.compensation.keyword import spillover_from_keyword
from chc_gating.errors import RawFileError
from chc_gating.flow.fcs import FcsFile, open_fcs
from chc_gating.flow.volume import read_flow_facts


def read_or_refuse(file: Path, data: bytes) -> FcsFile | None:
    """Write the bytes, read all that can be read of them; None where they are refused.

    Any exception but RawFileError, more events than bytes, or a name that stands twice is a bug.
    """
    file.write_bytes(data)
    try:
        fcs = open_fcs(file)
    except RawFileError as error:
        _require_one_line(error)
        return None
    stored = fcs.read("stored")
    assert stored.shape == (fcs.event_count, len(fcs.channels))
    assert fcs.event_count * fcs.layout.event_bytes <= len(data)
    linear = fcs.read("linear")
    stream = fcs.event_stream()
    batches = [np.empty((0, len(fcs.channels))), *stream.batches(3)]
    with np.errstate(all="ignore"):
        streamed = np.concatenate([batch * stream.factors for batch in batches])
    assert np.array_equal(streamed, linear, equal_nan=True)
    assert len(set(fcs.channels)) == len(fcs.channels)
    assert not np.isnan(stream.saturation).any()
    read_flow_facts(fcs)
    try:
        spillover_from_keyword(fcs.keywords, channels=fcs.channels, labels=fcs.markers)
    except RawFileError as error:
        _require_one_line(error)
    return fcs


def _require_one_line(error: RawFileError) -> None:
    assert "\n" not in str(error), "a refusal is one line"
