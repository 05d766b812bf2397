"""What a panel's `segmentation` must obey together with sheets and files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from chc_gating.batch.rows import Acquisition
from chc_gating.errors import Fault
from chc_gating.model.panel import Panel


def check_labels(
    rows: Iterable[tuple[int, Acquisition]], file: str, panels: Mapping[str, Panel]
) -> Iterator[Fault]:
    """Yield slides that lack the label image of their panel's method, or have one too many."""
    for line, row in rows:
        panel = panels.get(row.panel)
        if panel is None or panel.segmentation is None or row.modality != "image":
            continue
        method = panel.segmentation.method
        if method == "labels" and row.labels is None:
            problem = f"is empty, and panel {row.panel} says segmentation method labels"
            remedy = "name the label image of this slide, or another panel"
            yield Fault(file, problem, remedy, line, "labels")
        if method != "labels" and row.labels is not None:
            problem = f"is not used: panel {row.panel} says segmentation method {method}"
            remedy = "leave it empty, or name a panel with segmentation: {method: labels}"
            yield Fault(file, problem, remedy, line, "labels", row.labels)


def check_weights(panel: Panel, *, file: str, directory: Path) -> Iterator[Fault]:
    """Yield a fault where a panel names weights that do not exist."""
    choice = panel.segmentation
    if choice is None or choice.weights is None or (directory / choice.weights).exists():
        return
    yield Fault(
        file,
        f"no such weights of {choice.tool}, and nothing downloads them",
        "correct the path, or get the weights from the tool's authors",
        column="segmentation.weights",
        value=choice.weights,
    )
