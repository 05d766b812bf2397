"""Where each result of a batch lies: the same names for the workflow and the stages."""

from __future__ import annotations

from pathlib import Path

FLOW_FILES = ("populations.json", "quality.json", "densities.npz", "candidates.parquet")
LABELS, SEGMENTATION = "labels.tif", "segmentation.json"
MEASUREMENTS, MEASUREMENT = "measurements.parquet", "measurement.json"
SEGMENT_FILES = (LABELS, SEGMENTATION)
MEASURE_FILES = (MEASUREMENTS, MEASUREMENT)
IMAGE_FILES = (*FLOW_FILES, "cells.parquet", "crops.tif", "crops.json")
BATCH_TABLES = ("counts.tsv", "counts.parquet", "not_counted.tsv")


def acquisition_folder(results: Path, acquisition: str) -> Path:
    """Return the folder of one acquisition's results."""
    return results / "acquisitions" / acquisition


def draw_folder(results: Path, draw: str) -> Path:
    """Return the folder of one draw's results."""
    return results / "draws" / draw


def batch_folder(results: Path) -> Path:
    """Return the folder of the whole batch's results."""
    return results / "batch"


def spillover_file(results: Path, panel: str) -> Path:
    """Return the spillover that a panel takes from a table, for all its acquisitions."""
    return results / "controls" / panel / "-" / "spillover.json"
