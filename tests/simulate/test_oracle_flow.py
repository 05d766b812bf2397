from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chc_gating.errors import ChcError
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel
from chc_gating.simulate.fcs import format_spillover, write_fcs
from chc_gating.simulate.oracle_flow import compensate, count_flow

SPILL = np.array([[1.0, 0.1], [0.0, 1.0]])
GATES = Gates.model_validate(
    {
        "name": "g",
        "cuts": {"CD45": {"fixed": 100}, "CK": {"fixed": 95}},
        "phenotypes": {"CHC": "CD45+ and CK+", "leukocyte": "CD45+ and CK-"},
    }
)


def panel(spillover: str = "keyword", ck: str = "B") -> Panel:
    return Panel.model_validate(
        {
            "name": "p",
            "spillover": spillover,
            "channels": {
                "A": {"marker": "CD45", "role": "leukocyte"},
                ck: {"marker": "CK", "role": "epithelial"},
            },
        }
    )


def write(path: Path, events: list[list[float]]) -> Path:
    write_fcs(
        path,
        iter([np.array(events, dtype=np.float32)]),
        channels=("A", "B"),
        labels=("CD45", "cytokeratin"),
        event_count=len(events),
        keywords={"$SPILLOVER": format_spillover(("A", "B"), SPILL)},
    )
    return path


def test_compensation_takes_the_spilled_share_away() -> None:
    # A tenth of A's 1,000 reaches B: B's own signal is 150 - 100.
    found = compensate(np.array([[7.0, 1000.0, 150.0]]), [1, 2], SPILL)
    np.testing.assert_allclose(found, [[7.0, 1000.0, 50.0]], rtol=1e-12)


def test_a_value_that_is_not_finite_spoils_only_what_leans_on_it() -> None:
    values = np.array([[np.nan, 150.0], [1000.0, np.inf]])
    found = compensate(values, [0, 1], SPILL)
    # B is corrected for A, A for nothing.
    np.testing.assert_array_equal(np.isfinite(found), [[False, False], [True, False]])
    assert found[1, 0] == 1000


def test_counts_of_a_file_made_by_hand(tmp_path: Path) -> None:
    # Compensated B: 50 (below 95), 100 (above), 100 but A too dim, not finite.
    path = write(tmp_path / "a.fcs", [[1000, 150], [1000, 200], [50, 105], [1000, np.nan]])
    passes = count_flow(path, panel=panel(), gates=GATES).passes
    assert +passes == {
        "leukocyte": 1,
        "CHC_CK": 1,
        "CHC": 1,
        "unclassified": 1,
        "invalid_candidate": 1,
    }


def test_without_spillover_the_stored_values_are_gated(tmp_path: Path) -> None:
    path = write(tmp_path / "a.fcs", [[1000, 150]])
    assert count_flow(path, panel=panel("none"), gates=GATES).passes["CHC"] == 1


def test_a_panel_channel_may_be_a_marker_name_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.fcs", [[1000, 200]])
    assert count_flow(path, panel=panel(ck="cytokeratin"), gates=GATES).passes["CHC"] == 1


def test_a_channel_that_is_not_simulated_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.fcs", [[1000, 200]])
    with pytest.raises(ChcError, match="channel C is not among the simulated channels A, B"):
        count_flow(path, panel=panel(ck="C"), gates=GATES)


def test_spillover_from_elsewhere_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.fcs", [[1000, 200]])
    with pytest.raises(ChcError, match=r"not 'matrix\.csv'"):
        count_flow(path, panel=panel("matrix.csv"), gates=GATES)
