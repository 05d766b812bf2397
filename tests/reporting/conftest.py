"""The example batch, written once, and its pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from example import PLANS, write_example

from chc_gating.stages.report_batch import report_batch
from chc_gating.stages.report_draw import report_draw


@pytest.fixture(scope="session")
def example_batch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("batch")
    config = write_example(folder)
    results = folder / "results"
    for plan in PLANS:
        output = results / "draws" / plan.draw / "report.html"
        report_draw(config, draw=plan.draw, results=results, output=output, directory=folder)
    report_batch(config, results=results, output=results / "batch", directory=folder)
    return folder


@pytest.fixture(scope="session")
def pages(example_batch: Path) -> dict[str, str]:
    """The text of every page: by draw, and `batch`."""
    results = example_batch / "results"
    found = {
        plan.draw: (results / "draws" / plan.draw / "report.html").read_text(encoding="utf-8")
        for plan in PLANS
    }
    found["batch"] = (results / "batch" / "report.html").read_text(encoding="utf-8")
    return found
