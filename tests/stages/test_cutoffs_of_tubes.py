"""Cuts from control tubes, from FCS files to cutoffs.json and the counts of a sample."""

from __future__ import annotations

import tracemalloc
from array import array
from pathlib import Path

import flowio
import numpy as np
import pytest

from chc_gating.errors import RawFileError
from chc_gating.model.acquisition import AcquisitionResult
from chc_gating.model.cutoffs import Cutoffs
from chc_gating.stages.cutoffs import ControlSource, cutoffs
from chc_gating.stages.gate_flow import gate_flow
from chc_gating.storage.records import read_record

CHANNELS = ["FSC-A", "SSC-A", "APC-A", "PE-A"]
PANEL = """\
spillover: keyword
channels:
  FSC-A: {role: scatter}
  SSC-A: {role: scatter}
  APC-A: {marker: CD45, role: leukocyte}
  PE-A: {marker: EPCAM, role: epithelial}
"""
GATES = """\
populations:
  beads: {rectangle: {SSC-A: [900, null]}}
  intact: {rectangle: {FSC-A: [300, null]}}
phenotype: intact
cuts: {CD45: {fixed: 500}, EPCAM: {fmo: {quantile: 0.999, plus_sd: 1}}}
phenotypes: {CHC: CD45+ and EPCAM+, CTC: CD45- and EPCAM+, leukocyte: CD45+ and EPCAM-}
"""
SPILL = 0.25
HYBRIDS = 7


def make_events(n: int, *, seed: int, hybrids: int = 0) -> np.ndarray:
    """Return leukocytes that shine into PE by a quarter, debris, bright beads, and hybrids."""
    rng = np.random.default_rng(seed)
    events = np.empty((n, 4))
    events[:, 0] = rng.uniform(100, 1000, n)
    events[:, 1] = rng.uniform(100, 800, n)
    events[:, 2] = rng.normal(2000, 300, n)
    events[:, 3] = rng.normal(20, 15, n)
    events[: n // 50, 1], events[: n // 50, 3] = 950, 5000
    events[-hybrids or n :, 3] += 3000
    events[-hybrids or n :, 0] = 500
    events[:, 3] += SPILL * events[:, 2]
    return events.astype(np.float32)


def write_tube(path: Path, events: np.ndarray) -> Path:
    with path.open("wb") as file:
        flowio.create_fcs(
            file,
            array("f", events.tobytes()),
            CHANNELS,
            metadata_dict={"$SPILLOVER": f"2,APC-A,PE-A,1,{SPILL},0,1"},
        )
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tubes")
    (folder / "panel.yaml").write_text(PANEL)
    (folder / "gates.yaml").write_text(GATES)
    write_tube(folder / "sample.fcs", make_events(20_000, seed=1, hybrids=HYBRIDS))
    write_tube(folder / "fmo.fcs", make_events(60_001, seed=2))
    return folder


def take(folder: Path, output: Path, *, beads: tuple[str, ...] = ("beads",)) -> Cutoffs:
    cutoffs(
        [ControlSource("fmo", "EPCAM", folder / "fmo.fcs")],
        panel=folder / "panel.yaml",
        gates=folder / "gates.yaml",
        output=output / "cutoffs.json",
        beads=beads,
    )
    return read_record(output / "cutoffs.json", Cutoffs)


def test_the_cut_is_numpys_on_the_same_events(folder: Path, tmp_path: Path) -> None:
    events = make_events(60_001, seed=2).astype(np.float64)
    inside = (events[:, 0] >= 300) & (events[:, 1] < 900)
    values = (events[:, 3] - SPILL * events[:, 2])[inside]
    (cut,) = take(folder, tmp_path).cuts
    sd = 1.4826 * np.median(np.abs(values - np.median(values)))
    assert cut.control is not None
    assert cut.control.events == values.size
    assert cut.control.sd == pytest.approx(sd, rel=1e-6)
    assert cut.high == pytest.approx(np.quantile(values, 0.999) + sd, rel=1e-6)
    assert cut.control.files == (str(folder / "fmo.fcs"),)


def test_beads_would_lift_the_cut(folder: Path, tmp_path: Path) -> None:
    assert take(folder, tmp_path, beads=()).cuts[0].high > 4000
    assert take(folder, tmp_path).cuts[0].high < 200


def test_a_tube_is_counted_by_the_cut_of_its_control(folder: Path, tmp_path: Path) -> None:
    cut = take(folder, tmp_path).cuts[0]
    for threads in (1, 2):
        gate_flow(
            folder / "sample.fcs",
            panel=folder / "panel.yaml",
            gates=folder / "gates.yaml",
            output=tmp_path / str(threads),
            cutoffs=tmp_path / "cutoffs.json",
            bead_population="beads",
            threads=threads,
        )
    one, two = (tmp_path / str(threads) / "populations.json" for threads in (1, 2))
    assert one.read_bytes() == two.read_bytes()
    result = read_record(one, AcquisitionResult)
    events = make_events(20_000, seed=1, hybrids=HYBRIDS).astype(np.float64)
    inside = (events[:, 0] >= 300) & (events[:, 1] < 900)
    values = (events[:, 3] - SPILL * events[:, 2])[inside]
    found = {p.name: p for p in result.phenotypes}["CHC"]
    assert HYBRIDS <= found.events == np.count_nonzero(values >= cut.high)
    assert found.low_cut == np.count_nonzero(values >= 0.9 * cut.high)
    applied = next(c for c in result.cuts if c.marker == "EPCAM")
    assert applied.control is not None
    assert applied.control.sample_events == values.size
    assert "false_events_expected" in result.draw_flags


def test_a_damaged_control_is_named_and_a_result_where_that_is_asked_for(
    folder: Path, tmp_path: Path
) -> None:
    whole = (folder / "fmo.fcs").read_bytes()
    (tmp_path / "cut.fcs").write_bytes(whole[:-1000])

    def run(**more: bool) -> None:
        cutoffs(
            [ControlSource("fmo", "EPCAM", tmp_path / "cut.fcs")],
            panel=folder / "panel.yaml",
            gates=folder / "gates.yaml",
            output=tmp_path / "c.json",
            **more,
        )

    with pytest.raises(RawFileError, match=r"cut\.fcs: .*cut short"):
        run()
    assert not (tmp_path / "c.json").exists()
    run(record_faults=True)
    gate_flow(
        folder / "sample.fcs",
        panel=folder / "panel.yaml",
        gates=folder / "gates.yaml",
        output=tmp_path / "gated",
        cutoffs=tmp_path / "c.json",
        record_faults=True,
    )
    result = read_record(tmp_path / "gated" / "populations.json", AcquisitionResult)
    assert result.status == "not_counted"
    assert "cut.fcs" in (result.reason or "")


def test_memory_does_not_grow_with_the_control(folder: Path, tmp_path: Path) -> None:
    peaks = []
    for n in (500_000, 2_000_000):
        write = tmp_path / f"{n}.fcs"
        write_tube(write, np.tile(make_events(50_000, seed=3), (n // 50_000, 1)))
        tracemalloc.start()
        cutoffs(
            [ControlSource("fmo", "EPCAM", write)],
            panel=folder / "panel.yaml",
            gates=folder / "gates.yaml",
            output=tmp_path / "c.json",
            beads=("beads",),
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        write.unlink()
    assert peaks[1] < peaks[0] + 10e6
