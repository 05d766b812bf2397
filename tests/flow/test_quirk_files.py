"""Every quirk of the registry is read right, repaired aloud, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from quirk_files import QUIRK_FILES, QuirkFile

from chc_gating.compensation.keyword import spillover_from_keyword
from chc_gating.errors import RawFileError
from chc_gating.flow.fcs import FcsFile, open_fcs

READABLE = [q for q in QUIRK_FILES if q.verdict != "refused" or q.about_spillover]


def name_of(quirk: QuirkFile) -> str:
    return quirk.name


def opened(folder: Path, quirk: QuirkFile) -> FcsFile:
    file = folder / "a.fcs"
    file.write_bytes(quirk.data)
    return open_fcs(file)


def test_names_of_quirks_are_unique() -> None:
    assert len({q.name for q in QUIRK_FILES}) == len(QUIRK_FILES)


@pytest.mark.parametrize("quirk", READABLE, ids=name_of)
def test_values_and_names_are_the_true_ones(tmp_path: Path, quirk: QuirkFile) -> None:
    fcs = opened(tmp_path, quirk)

    assert np.array_equal(fcs.read("stored"), quirk.stored, equal_nan=True)
    np.testing.assert_allclose(fcs.read("linear"), quirk.linear, rtol=1e-12)
    assert fcs.channels == quirk.channels
    if quirk.keyword is not None:
        assert fcs.keywords[quirk.keyword[0]] == quirk.keyword[1]


@pytest.mark.parametrize("quirk", READABLE, ids=name_of)
@pytest.mark.parametrize("size", [1, 3])
def test_values_are_the_same_in_a_stream(tmp_path: Path, quirk: QuirkFile, size: int) -> None:
    stream = opened(tmp_path, quirk).event_stream()
    batches = [batch * stream.factors for batch in stream.batches(size)]

    streamed = np.concatenate([np.empty((0, 3)), *batches])

    np.testing.assert_allclose(streamed, quirk.linear, rtol=1e-12)


@pytest.mark.parametrize("quirk", [q for q in READABLE if not q.about_spillover], ids=name_of)
def test_a_repair_is_said_and_only_a_repair(tmp_path: Path, quirk: QuirkFile) -> None:
    repairs = opened(tmp_path, quirk).repairs

    assert bool(repairs) == (quirk.verdict == "repaired")
    assert not quirk.words or any(quirk.words in line for line in repairs)


@pytest.mark.parametrize("quirk", [q for q in QUIRK_FILES if q not in READABLE], ids=name_of)
def test_what_cannot_be_read_without_a_guess_is_refused(tmp_path: Path, quirk: QuirkFile) -> None:
    with pytest.raises(RawFileError) as caught:
        opened(tmp_path, quirk)

    assert quirk.words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("quirk", [q for q in QUIRK_FILES if q.about_spillover], ids=name_of)
def test_a_spillover_keyword_is_read_or_refused(tmp_path: Path, quirk: QuirkFile) -> None:
    fcs = opened(tmp_path, quirk)
    arguments = {"channels": fcs.channels, "labels": fcs.markers}
    if quirk.spillover is None:
        with pytest.raises(RawFileError) as caught:
            spillover_from_keyword(fcs.keywords, **arguments)
        assert quirk.words in str(caught.value)
        return
    found = spillover_from_keyword(fcs.keywords, **arguments)

    assert found is not None
    assert np.array_equal(found.matrix, quirk.spillover)
    assert found.channels == quirk.channels[:2]
    assert quirk.words in found.source
