from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from chc_gating.errors import ChcError
from chc_gating.simulate.flow import draw_staining, expected_duration_s, write_flow
from chc_gating.simulate.flow_cells import CHANNELS, SPILLOVER
from chc_gating.simulate.oracle_flow import read_plain_fcs
from chc_gating.simulate.recipe import FlowFile

MakeTube = Callable[..., FlowFile]
PLAIN = np.ones(3)


def write(path: Path, tube: FlowFile, seed: int = 7) -> dict[str, int]:
    return dict(write_flow(path, tube, seed=(seed,), staining=PLAIN).kinds)


def read(path: Path) -> np.ndarray:
    return np.concatenate(list(read_plain_fcs(path).read_chunks()))


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, tube: MakeTube) -> None:
    write(tmp_path / "a.fcs", tube(planted={"CHC_CK": 4}))
    write(tmp_path / "b.fcs", tube(planted={"CHC_CK": 4}))
    assert (tmp_path / "a.fcs").read_bytes() == (tmp_path / "b.fcs").read_bytes()


def test_another_seed_gives_other_events(tmp_path: Path, tube: MakeTube) -> None:
    write(tmp_path / "a.fcs", tube())
    write(tmp_path / "b.fcs", tube(), seed=8)
    assert (tmp_path / "a.fcs").read_bytes() != (tmp_path / "b.fcs").read_bytes()


def test_every_event_is_of_one_kind_and_planted_ones_are_all_there(
    tmp_path: Path, tube: MakeTube
) -> None:
    planted = {"CHC_EPCAM": 3, "CTC_CK": 2, "hybrid_like_doublet": 5, "nonfinite": 4}
    kinds = write(tmp_path / "a.fcs", tube(events=70_000, planted=planted))
    assert sum(kinds.values()) == 70_000
    assert {kind: kinds[kind] for kind in planted} == planted


def test_planted_events_may_fill_the_file(tmp_path: Path, tube: MakeTube) -> None:
    kinds = write(tmp_path / "a.fcs", tube(events=6, planted={"CHC_CK": 6}))
    assert kinds == {"CHC_CK": 6}


def test_more_planted_events_than_events_are_refused(tmp_path: Path, tube: MakeTube) -> None:
    with pytest.raises(ChcError, match="7 planted events do not fit into 6 events"):
        write(tmp_path / "a.fcs", tube(events=6, planted={"CHC_CK": 7}))


def test_a_random_number_is_planted_once_and_is_over_dispersed(
    tmp_path: Path, tube: MakeTube
) -> None:
    planted = tube(events=400, planted={"CHC_CK": {"mean": 20, "dispersion": 0.5}})
    counts = [write(tmp_path / "a.fcs", planted, seed)["CHC_CK"] for seed in range(120)]
    # Variance of the negative binomial: 20 + 0.5 * 20^2 = 220; a Poisson's would be 20.
    assert 14 < np.mean(counts) < 26
    assert np.var(counts) > 80


def test_values_stop_at_the_detectors_top(tmp_path: Path, tube: MakeTube) -> None:
    write(tmp_path / "a.fcs", tube(planted={"hybrid_like_doublet": 5000}))
    values = read(tmp_path / "a.fcs")[:, :-1]
    assert values.max() == 262_143


def test_planted_nonfinite_events_have_no_finite_cd45(tmp_path: Path, tube: MakeTube) -> None:
    write(tmp_path / "a.fcs", tube(planted={"nonfinite": 9}))
    cd45 = read(tmp_path / "a.fcs")[:, CHANNELS.index("APC-A")]
    assert np.count_nonzero(~np.isfinite(cd45)) == 9


def test_doublets_have_a_wide_pulse_and_single_cells_have_not(
    tmp_path: Path, tube: MakeTube
) -> None:
    def ratios(kind: str) -> np.ndarray:
        write(tmp_path / "a.fcs", tube(events=3000, composition={kind: 1}))
        values = read(tmp_path / "a.fcs")
        return values[:, 0] / values[:, 1]

    assert np.mean(ratios("lymphocyte") < 1.6) > 0.999
    escaped = np.mean(ratios("leukocyte_doublet") < 1.6)
    assert 0.001 < escaped < 0.2


def test_compensation_restores_the_cd45_of_lymphocytes(tmp_path: Path, tube: MakeTube) -> None:
    write(tmp_path / "a.fcs", tube(events=20_000, composition={"lymphocyte": 1}))
    detected = read(tmp_path / "a.fcs")[:, 3:8]
    signals = np.linalg.solve(SPILLOVER.T, detected.T).T
    # Medians of flow_cells.APPEARANCES: CD45 22,000; EPCAM 60, of which noise blurs the shape.
    assert np.median(signals[:, 0]) == pytest.approx(22_000, rel=0.02)
    assert abs(np.median(signals[:, 1]) - 60) < 25


def test_time_never_runs_back_and_a_burst_is_a_faster_stretch(
    tmp_path: Path, tube: MakeTube
) -> None:
    burst = {"start": 0.5, "end": 0.6, "factor": 5}
    made = tube(events=100_000, bursts=[burst])
    write(tmp_path / "a.fcs", made)
    time_s = read(tmp_path / "a.fcs")[:, -1] * 0.01
    assert np.all(np.diff(time_s) >= 0)
    # float32 holds the 10 ms clock of half a minute to a millionth.
    calm, fast = time_s[20_000] - time_s[10_000], time_s[60_000] - time_s[50_000]
    assert calm / fast == pytest.approx(5, rel=0.1)
    assert time_s[-1] == pytest.approx(expected_duration_s(made), rel=0.02)


def test_a_truncated_file_keeps_its_share_of_bytes(tmp_path: Path, tube: MakeTube) -> None:
    write(tmp_path / "whole.fcs", tube())
    write(tmp_path / "broken.fcs", tube(truncate_at=0.5))
    whole = (tmp_path / "whole.fcs").read_bytes()
    assert (tmp_path / "broken.fcs").read_bytes() == whole[: len(whole) // 2]


def test_volume_and_lost_events_stand_in_the_keywords_only_where_asked(
    tmp_path: Path, tube: MakeTube
) -> None:
    write(tmp_path / "a.fcs", tube(events=3000, abort_fraction=0.02, lost_fraction=0.001))
    keywords = read_plain_fcs(tmp_path / "a.fcs").keywords
    # 3,000 events at 3,000 per s are 1 s; at 60 uL/min that is 1 uL, 1,000 nL.
    assert (keywords["$VOL"], keywords["$ABRT"], keywords["$LOST"]) == ("1000", "60", "3")
    write(tmp_path / "b.fcs", tube(volume_keyword=False))
    assert not {"$VOL", "$ABRT", "$LOST"} & set(read_plain_fcs(tmp_path / "b.fcs").keywords)


def test_patients_differ_in_staining_by_their_seed_alone() -> None:
    first, second = draw_staining(0.2, seed=(1,)), draw_staining(0.2, seed=(2,))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, draw_staining(0.2, seed=(1,)))
    np.testing.assert_array_equal(draw_staining(0.0, seed=(1,)), np.ones(3))
