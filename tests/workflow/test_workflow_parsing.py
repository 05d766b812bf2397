"""The Snakefile is parsed at every start and again in every submitted job, so it must be cheap."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from small_batch import write_configuration

from chc_gating.stages.plan_workflow import WorkflowPlan

HEAVY = {
    "cv2",
    "flowkit",
    "flowutils",
    "jinja2",
    "matplotlib",
    "numba",
    "pandas",
    "pyarrow",
    "scipy",
    "skimage",
    "tifffile",
    "zarr",
}


def test_loading_a_batch_for_the_snakefile_imports_nothing_heavy(tmp_path: Path) -> None:
    write_configuration(tmp_path / "config")
    program = (
        "import sys\n"
        "from chc_gating.stages.plan_workflow import plan_workflow\n"
        "plan = plan_workflow(configfiles=[], overrides={})\n"
        "assert len(plan.batch.draws) == 5\n"
        "print(*{name.partition('.')[0] for name in sys.modules})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, text=True, capture_output=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert HEAVY.isdisjoint(done.stdout.split())


def test_a_slide_that_is_a_folder_is_an_input_with_the_files_in_it(tmp_path: Path) -> None:
    slide = tmp_path / "slide.zarr"
    (slide / "0").mkdir(parents=True)
    for name in (".zattrs", ".zgroup", "0/0.0"):
        (slide / name).write_text("{}")
    row = SimpleNamespace(file=str(slide))
    plan = WorkflowPlan(Path("config.yaml"), batch=SimpleNamespace(acquisitions={"a": row}))

    assert plan.existing_raw_file(SimpleNamespace(acquisition="a")) == [
        slide.as_posix(),
        (slide / ".zattrs").as_posix(),
        (slide / ".zgroup").as_posix(),
    ]
