"""Where each result of a batch lies: the same names for the workflow and the stages."""

from __future__ import annotations

from pathlib import Path

FLOW_FILES = ("populations.json", "quality.json", "densities.npz", "candidates.parquet")
STITCHED_SLIDE, STITCHING = "slide.ome.tif", "stitching.json"
STITCH_FILES = (STITCHED_SLIDE, STITCHING)
LABELS, SEGMENTATION = "labels.tif", "segmentation.json"
MEASUREMENTS, MEASUREMENT = "measurements.parquet", "measurement.json"
TILES = "tiles.parquet"
EXTERNAL_LABELS = "external.tif"
"""The label image of a tool of others; `chc segment` makes labels.tif of it."""
SEGMENT_FILES = (LABELS, SEGMENTATION)
MEASURE_FILES = (MEASUREMENTS, MEASUREMENT, TILES)
CROP_FILES = ("crops.tif", "outlines.tif", "overview.tif", "crops.json")
IMAGE_FILES = (*FLOW_FILES, "cells.parquet", *CROP_FILES)
SLIDE_PAGE_FILES = (*IMAGE_FILES, TILES)
"""What a page shows of a slide."""

BATCH_TABLES = ("counts.tsv", "counts.parquet", "not_counted.tsv")
COHORT, STRICT = "cohort.json", "strict.json"


def acquisition_folder(results: Path, acquisition: str) -> Path:
    """Return the folder of one acquisition's results."""
    return results / "acquisitions" / acquisition


def draw_folder(results: Path, draw: str) -> Path:
    """Return the folder of one draw's results."""
    return results / "draws" / draw


def count_file(results: Path, draw: str) -> Path:
    """Return the count of a draw."""
    return draw_folder(results, draw) / "count.json"


def draw_page(results: Path, draw: str) -> Path:
    """Return the page of a draw."""
    return draw_folder(results, draw) / "report.html"


def patient_folder(results: Path, patient: str) -> Path:
    """Return the folder of one patient's results."""
    return results / "patients" / patient


def patient_page(results: Path, patient: str) -> Path:
    """Return the page of a patient."""
    return patient_folder(results, patient) / "monitor.html"


def batch_folder(results: Path) -> Path:
    """Return the folder of the whole batch's results."""
    return results / "batch"


def batch_page(results: Path) -> Path:
    """Return the page of the whole batch."""
    return batch_folder(results) / "report.html"


def limits_file(results: Path, panel: str, *, gates: str, lot: str | None) -> Path:
    """Return the limits of a panel, gates and lot; a blank lot is a dash."""
    return results / "limits" / panel / gates / name_lot(lot) / "limits.json"


def name_lot(lot: str | None) -> str:
    """Return a lot as paths and the command line spell it: a blank one is a dash."""
    return "-" if lot is None else lot


def read_lot(name: str) -> str | None:
    """Return the lot that `name_lot` spelled."""
    return None if name == "-" else name


def spillover_file(results: Path, panel: str, control_set: str | None = None) -> Path:
    """Return a panel's spillover: from a table, for all its acquisitions, or of a control set."""
    return results / "controls" / panel / name_lot(control_set) / "spillover.json"


def control_slide_folder(results: Path, control: str) -> Path:
    """Return the folder of a control slide that was segmented and measured for cuts."""
    return results / "control_slides" / control


def cutoffs_file(results: Path, panel: str, *, control_set: str | None, gates: str) -> Path:
    """Return the cuts that the controls of a set give a gates file."""
    return results / "controls" / panel / name_lot(control_set) / gates / "cutoffs.json"
