"""The Snakefile is parsed at every start and again in every submitted job, so it must be cheap."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from small_batch import write_configuration

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
