"""Make all files of a recipe, and the truth about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from chc_gating.errors import ChcError
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel
from chc_gating.simulate.flow import draw_staining, write_flow
from chc_gating.simulate.flow_cells import CHANNELS as FLOW_CHANNELS
from chc_gating.simulate.flow_cells import LABELS as FLOW_LABELS
from chc_gating.simulate.oracle_flow import count_flow
from chc_gating.simulate.oracle_gates import classify, count_classes
from chc_gating.simulate.oracle_slide import CellMeans, SlideTile, measure_cells
from chc_gating.simulate.outlines import write_outlines
from chc_gating.simulate.raw_tiles import TRUE_TILES_FOLDER, write_raw_tiles
from chc_gating.simulate.recipe import FlowFile, Recipe, SlideFile, derive_seed
from chc_gating.simulate.slide import count_kinds, slide_tiles, write_slide
from chc_gating.simulate.slide_cells import CHANNEL_NAMES
from chc_gating.simulate.slide_layout import SlideLayout
from chc_gating.simulate.slide_pixels import draw_outlines, draw_signal
from chc_gating.simulate.truth import (
    OUTLINES_FOLDER,
    TruthCell,
    TruthRow,
    tabulate_truth,
    write_truth,
)
from chc_gating.storage.atomic import replacing

_ORACLE_TILE_PX = 1024


@dataclass(frozen=True)
class Rules:
    """The panel and the gates that the oracle counts by."""

    panel: Panel
    gates: Gates


def simulate_batch(
    recipe: Recipe, *, rules: Callable[[str, str], Rules], output: Path
) -> list[TruthRow]:
    """Write every file of a recipe, the true outlines of slides, and both truth tables.

    rules : called with the names of a panel and a gates file.

    Raises ChcError, before anything is written, where a panel does not fit its file.
    """
    chosen = {name: rules(file.panel, file.gates) for name, file in recipe.acquisitions.items()}
    for name, file in recipe.acquisitions.items():
        _check_rules(name, file, chosen[name])
    rows: list[TruthRow] = []
    cells: list[TruthCell] = []
    for name, file in recipe.acquisitions.items():
        if isinstance(file, FlowFile):
            rows += _simulate_flow(name, file, recipe=recipe, rules=chosen[name], output=output)
        else:
            layout = SlideLayout(file, seed=derive_seed(recipe.seed, name))
            rows += _simulate_slide(name, layout, rules=chosen[name], output=output, cells=cells)
    write_truth(output, rows, cells)
    return rows


def _check_rules(name: str, file: FlowFile | SlideFile, rules: Rules) -> None:
    """Raise ChcError, before anything is written, where the oracle could not count a file."""
    panel = rules.panel
    if panel.modality != file.modality:
        raise ChcError(
            f"{name}: a file of modality {file.modality} with panel {panel.name}, which is of "
            f"modality {panel.modality}; choose another panel in the recipe"
        )
    known = (*FLOW_CHANNELS, *FLOW_LABELS) if isinstance(file, FlowFile) else CHANNEL_NAMES
    missing = [channel for channel in panel.channels if channel not in known]
    if missing:
        simulated = ", ".join(channel for channel in known if channel is not None)
        raise ChcError(
            f"{name}: panel {panel.name} needs {', '.join(missing)}; "
            f"simulated channels are {simulated}"
        )
    beads = file.bead_population if isinstance(file, FlowFile) else None
    if beads is not None and beads not in rules.gates.populations:
        raise ChcError(
            f"{name}: bead_population {beads} is not a population of gates {rules.gates.name}"
        )


def measure_truth(layout: SlideLayout) -> CellMeans:
    """Return the true mean signal of every cell of a slide, over its true outlines."""
    return measure_cells(
        _oracle_tiles(layout),
        channel_names=CHANNEL_NAMES,
        ring_px=layout.slide.ring_um / layout.slide.pixel_size_um,
    )


def _simulate_flow(
    name: str, flow: FlowFile, *, recipe: Recipe, rules: Rules, output: Path
) -> list[TruthRow]:
    staining = draw_staining(recipe.staining_spread, seed=derive_seed(recipe.seed, flow.patient))
    with replacing(output / flow.file) as path:
        truth = write_flow(path, flow, seed=derive_seed(recipe.seed, name), staining=staining)
    counts = None
    if flow.truncate_at is None:
        counts = count_flow(
            output / flow.file,
            panel=rules.panel,
            gates=rules.gates,
            bead_population=flow.bead_population,
        )
    return tabulate_truth(name, modality=flow.modality, kinds=truth.kinds, counts=counts)


def _simulate_slide(
    name: str, layout: SlideLayout, *, rules: Rules, output: Path, cells: list[TruthCell]
) -> list[TruthRow]:
    slide, kinds = output / layout.slide.file, count_kinds(layout)
    if layout.slide.scan is None:
        with replacing(slide) as path:
            write_slide(path, layout)
    else:
        write_raw_tiles(slide, layout, layout.slide.scan, truth=output / TRUE_TILES_FOLDER / name)
    outlines = output / OUTLINES_FOLDER / name
    write_outlines(outlines, layout, slide=slide, nuclei=sum(kinds.values()))
    means = measure_truth(layout)
    columns = means.columns(rules.panel)
    counts = count_classes(columns, panel=rules.panel, gates=rules.gates)
    classes = classify(columns, panel=rules.panel, gates=rules.gates)
    cells.extend(_list_truth(name, layout, means, classes))
    return tabulate_truth(name, modality=layout.slide.modality, kinds=kinds, counts=counts)


def _list_truth(
    name: str, layout: SlideLayout, means: CellMeans, classes: Iterable[str]
) -> Iterator[TruthCell]:
    """Yield the planted cells, and what else the oracle calls a candidate."""
    width = layout.slide.width_px
    planted = {1 + c.seed_y * width + c.seed_x: c.kind for c in layout.planted.values()}
    for label, phenotype, y, x in zip(
        means.labels.tolist(), classes, means.centroid_y_px, means.centroid_x_px, strict=True
    ):
        kind = planted.get(label, "")
        is_candidate = phenotype.startswith(("CHC", "CTC")) or phenotype.endswith("_candidate")
        if kind or is_candidate:
            yield TruthCell(name, str(phenotype), kind, float(y), float(x))


def _oracle_tiles(layout: SlideLayout) -> Iterator[SlideTile]:
    margin = int(layout.slide.ring_um / layout.slide.pixel_size_um) + 1
    for tile in slide_tiles(layout, _ORACLE_TILE_PX):
        yield SlideTile(
            y0=tile.y0,
            x0=tile.x0,
            margin=margin,
            signal=draw_signal(layout, tile),
            outlines=draw_outlines(layout, tile.grow(margin)),
        )
