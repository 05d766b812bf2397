"""The Snakefile is parsed at every start and again in every submitted job, so it must be cheap."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from batch_files import write_configuration
from small_batch import CONFIGURATION

from chc_gating.workflow.acquisitions import AcquisitionJobs

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
    write_configuration(tmp_path, CONFIGURATION)
    program = (
        "import sys\n"
        "import pkgutil, chc_gating.workflow\n"
        "for module in pkgutil.iter_modules(chc_gating.workflow.__path__):\n"
        "    __import__(f'chc_gating.workflow.{module.name}')\n"
        "from chc_gating.workflow.common import load_batch_or_exit\n"
        "batch = load_batch_or_exit(configfiles=[], overrides={})\n"
        "assert len(batch.draws) == 5\n"
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
    jobs = AcquisitionJobs(SimpleNamespace(acquisitions={"a": row}))

    assert jobs.existing_raw_file(SimpleNamespace(acquisition="a")) == [
        slide.as_posix(),
        (slide / ".zattrs").as_posix(),
        (slide / ".zgroup").as_posix(),
    ]
