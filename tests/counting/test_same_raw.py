"""Two acquisitions of the same raw data are a fault, whatever their files are called."""

from __future__ import annotations

from count_cases import count_case, find_row, make_draw, make_result, make_row

from chc_gating.model.acquisition import AcquisitionResult, InputFile
from chc_gating.model.count import DrawCount

HALF = {"fraction_stained": 0.3, "fraction_acquired": 1.0}


def make_hashed(sha256: str | None, *, image: int | None = None) -> AcquisitionResult:
    raw = InputFile(role="raw", path="x", size_bytes=1, sha256=sha256)
    return make_result({"CHC": 5}).model_copy(
        update={"inputs": (raw,), "parameters": {} if image is None else {"image": image}}
    )


def count(*results: AcquisitionResult, **cells: object) -> DrawCount:
    members = [
        (make_row(acquisition=f"A{i}", **HALF, **cells), result) for i, result in enumerate(results)
    ]
    return count_case([make_draw()], members)


def test_copies_of_one_file_are_not_counted() -> None:
    counted = count(make_hashed("a" * 64), make_hashed("a" * 64))
    assert counted.status == "not_counted"
    assert "A0: its raw data are those of A1 (equal SHA-256)" in (counted.reason or "")


def test_other_acquisitions_count_beside_copies() -> None:
    row = find_row(count(make_hashed("a" * 64), make_hashed("a" * 64), make_hashed("b" * 64)))
    assert (row.count, row.status) == (5, "counted")
    assert "acquisition_failed" in row.flags


def test_two_images_of_one_file_are_not_copies() -> None:
    counted = count(make_hashed("a" * 64, image=0), make_hashed("a" * 64, image=1))
    assert find_row(counted).count == 10


def test_files_without_a_hash_are_not_compared() -> None:
    assert find_row(count(make_hashed(None), make_hashed(None))).count == 10
