from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numba.core.errors import TypingError

import chc_gating.kernels
from chc_gating.kernels import density, objects, shapes
from chc_gating.kernels.objects import Compiled, building_ahead, lay_out

POINTS = np.random.default_rng(5).normal(0.0, 2.0, (500, 2))
STAR = np.array([[0.0, 3.0], [2.0, -3.0], [-3.0, 1.0], [3.0, 1.0], [-2.0, -3.0]])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    return tmp_path


def polygon() -> Compiled:
    return Compiled("chc_gating.kernels.shapes", "find_inside_polygon")


def call(kernel: Compiled) -> np.ndarray:
    inside = np.empty(len(POINTS), dtype=np.bool_)
    kernel(POINTS, STAR, inside)
    return inside


def expected() -> np.ndarray:
    inside = np.empty(len(POINTS), dtype=np.bool_)
    shapes.find_inside_polygon(POINTS, STAR, inside)
    return inside


def test_object_code_gives_what_numba_gives(folder: Path) -> None:
    assert 0 < expected().sum() < len(POINTS)
    np.testing.assert_array_equal(call(polygon()), expected())


def test_a_kernel_is_compiled_once_and_says_so(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    call(polygon())
    assert [r.message for r in caplog.records] == [
        "kernel find_inside_polygon is compiled for this processor, once; "
        "`chc warm` does that ahead"
    ]
    caplog.clear()
    np.testing.assert_array_equal(call(polygon()), expected())
    assert not caplog.records
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("damage", [b"", b"\0" * 64, None], ids=["emptied", "zeros", "cut short"])
def test_a_damaged_file_is_not_loaded_but_replaced(
    folder: Path, damage: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    call(polygon())
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:-100] if damage is None else damage)
    np.testing.assert_array_equal(call(polygon()), expected())
    assert "is damaged; it is compiled anew" in caplog.text
    caplog.clear()
    np.testing.assert_array_equal(call(polygon()), expected())
    assert not caplog.records


def test_a_file_of_other_sources_or_another_processor_is_not_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(polygon())
    monkeypatch.setattr(objects, "_describe_machine", lambda: "another processor")
    call(polygon())
    monkeypatch.setattr(objects, "_end_of_names", lambda: "-0123.kernel")
    call(polygon())
    assert len(list(folder.iterdir())) == 3


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of one checkout's kernels."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(objects, "_BESIDE", tmp_path)
    return tmp_path


def test_files_of_other_sources_are_removed_beside_the_kernels(
    beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(polygon())
    (old,) = beside.iterdir()
    monkeypatch.setattr(objects, "_end_of_names", lambda: "-0123.kernel")
    call(polygon())
    (new,) = beside.iterdir()
    assert new != old


def test_files_of_other_types_and_processors_stay_beside_the_kernels(
    beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (beside / "objects.cpython-311.pyc").touch()
    call(polygon())
    monkeypatch.setattr(objects, "_describe_machine", lambda: "another processor")
    call(polygon())
    assert len(list(beside.iterdir())) == 3


def test_two_processes_of_different_sources_do_not_harm_each_other(beside: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from chc_gating.kernels import objects\n"
        "end, code = f'-{sys.argv[2]}.kernel', sys.argv[2].encode() * 9000\n"
        "objects._BESIDE, objects._end_of_names = Path(sys.argv[1]), lambda: end\n"
        "found = []\n"
        "for _ in range(300):\n"
        "    objects._write_object('kernel' + end, 'symbol', code)\n"
        "    found.append(objects._read_object('kernel' + end))\n"
        "assert ('symbol', code) in found\n"
        "assert set(found) <= {('symbol', code), None}, 'read what is not whole'\n"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(beside), name], stderr=subprocess.PIPE, text=True
        )
        for name in ("a", "b")
    ]
    assert [(one.communicate()[1], one.returncode) for one in both] == [("", 0)] * 2
    left = [file.name for file in beside.iterdir()]
    assert left in ([], ["kernel-a.kernel"], ["kernel-b.kernel"])  # each may remove the other's


def test_without_a_folder_to_write_to_the_results_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    np.testing.assert_array_equal(call(polygon()), expected())
    assert "set NUMBA_CACHE_DIR" in caplog.text


class Terms(NamedTuple):
    """What a kernel might be given."""

    indices: np.ndarray
    count: int


def test_a_form_names_types_and_dimensions_and_no_values() -> None:
    laid = lay_out(Terms(np.zeros((2, 3), dtype=np.uint16), 7))
    assert laid.form == f"{__name__}.Terms(uint16:2,int)"
    assert laid.words.tolist()[1:] == [2, 3, 7]


def test_arrays_that_kernels_are_not_compiled_for_are_refused() -> None:
    plain = np.zeros((4, 4))
    shifted = np.zeros(33, dtype=np.uint8)[1:].view(np.float64)
    for given in (plain.T[:, ::2], plain[:, 1:], plain.astype(">f8"), shifted):
        with pytest.raises(ValueError, match="contiguous, aligned"):
            lay_out(given)
    with pytest.raises(TypeError, match="arrays, integers"):
        lay_out(0.5)


def test_a_kernel_that_needs_numba_at_run_time_is_refused(folder: Path) -> None:
    allocating = Compiled("tests.kernels.allocating", "double")
    with pytest.raises(TypingError, match="zeros"):
        allocating(np.zeros(3), np.zeros(3))
    assert not list(folder.iterdir())


def test_values_of_float32_and_float64_events_have_code_of_their_own(folder: Path) -> None:
    kernel = Compiled("chc_gating.kernels.density", "compute_values")
    for dtype in (np.float32, np.float64):
        stored = np.array([[1.5, 2.5], [-3.0, 0.1]], dtype=dtype)
        terms = np.array([0, 2, 3]), np.array([0, 1, 1]), np.array([0.3, -0.7, 1.1])
        found, wanted = np.empty((2, 2)), np.empty((2, 2))
        kernel(stored, np.array([1, 0]), *terms, found)
        density.compute_values(stored, np.array([1, 0]), *terms, wanted)
        np.testing.assert_array_equal(found, wanted)
    assert len(list(folder.iterdir())) == 2


def test_code_that_counts_references_is_not_taken_over(folder: Path) -> None:
    call_directly = expected()  # compiled by numba, with references, for the same types
    kernel = polygon()

    np.testing.assert_array_equal(call(kernel), call_directly)
    assert shapes is sys.modules["chc_gating.kernels.shapes"]
    assert chc_gating.kernels.shapes is shapes


@pytest.mark.parametrize(
    "modules",
    [
        "stages.gate_flow",
        "stages.segment, chc_gating.imaging.watershed_nuclei",
        "stages.measure",
        "stages.gate_image",
    ],
)
def test_gating_a_tube_or_a_slide_imports_no_numba(modules: str) -> None:
    code = f"import sys, chc_gating.{modules}; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_kernel_that_is_built_ahead_is_built_without_a_warning(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with building_ahead():
        np.testing.assert_array_equal(call(polygon()), expected())
    assert list(folder.iterdir())
    assert not caplog.records
