"""Rare cells of a simulated slide, counted from raw tiles of an uneven camera in two cycles."""

from __future__ import annotations

from pathlib import Path

from chc_gating.model.acquisition import AcquisitionResult
from chc_gating.stages.gate_image import gate_image
from chc_gating.stages.measure import measure
from chc_gating.stages.segment import segment
from chc_gating.stages.simulate import simulate
from chc_gating.stages.stitch import stitch
from chc_gating.storage.records import read_record

RECIPE = """
seed: 5
panels: {config}/panels
gates: {config}/gates
acquisitions:
  S1: {{modality: image, file: tiles, patient: P2, panel: if4, gates: chc-slide,
       width_px: 1000, height_px: 1000,
       planted: {{CHC_CK: 3, CHC_EPCAM: 2, CTC_CK: 2, CTC_EPCAM_CK: 3, dim_hybrid: 2}},
       scan: {{tile_px: 256, overlap: 0.15, cycles: [[DAPI, CD45], [DAPI, EPCAM, panCK]]}}}}
"""
RARE = ("CHC_CK", "CHC_EPCAM", "CTC_CK", "CTC_EPCAM_CK", "CHC", "CTC", "indeterminate_candidate")


def test_stitched_tiles_count_what_was_planted(tmp_path: Path, repository: Path) -> None:
    recipe, out = tmp_path / "recipe.yaml", tmp_path / "out"
    recipe.write_text(RECIPE.format(config=repository / "config"), encoding="utf-8")
    truth = {row.phenotype: row.passes for row in simulate(recipe, output=tmp_path / "demo")}
    panel = repository / "config" / "panels" / "if4.yaml"
    gates = repository / "config" / "gates" / "chc-slide.yaml"
    stitch(tmp_path / "demo" / "tiles", panel=panel, output=out)
    slide, stitching = out / "slide.ome.tif", out / "stitching.json"
    segment(slide, panel=panel, output=out, stitching=stitching)
    measure(slide, panel=panel, labels=out, output=out)
    gate_image(out, slide=slide, panel=panel, gates=gates, output=out)
    result = read_record(out / "populations.json", AcquisitionResult)
    counted = {p.name: p.events for p in result.phenotypes}
    assert {name: counted[name] for name in RARE} == {name: truth[name] for name in RARE}
    assert counted["CHC"] == 5
    leukocytes = truth["leukocyte"]
    assert leukocytes is not None
    assert abs(counted["leukocyte"] / leukocytes - 1) < 0.02
