"""What every module of rules starts from: a batch, and the wildcards of a job."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from chc_gating.batch import layout
from chc_gating.batch.configuration import Batch
from chc_gating.batch.rows import Acquisition, Control
from chc_gating.model.panel import SPILLOVER_WORDS
from chc_gating.workflow.settings import JUDGING_SETTINGS, pick_settings, write_facts


class Wildcards(Protocol):
    """The wildcards of a job, as Snakemake hands them to an input function."""

    acquisition: str
    control: str
    control_set: str
    draw: str
    panel: str
    gates: str
    lot: str
    patient: str


@dataclass(frozen=True)
class Jobs:
    """A batch as a file of rules sees it; a method takes the wildcards of one job."""

    batch: Batch

    @property
    def results(self) -> Path:
        """The folder of results."""
        return self.batch.results_folder

    def list_counts(self, draws: Iterable[str]) -> list[str]:
        """Return the counts of draws."""
        return [layout.count_file(self.results, name).as_posix() for name in draws]

    def list_gates_source(self, gates: str) -> list[str]:
        """Return the other program's file that gates come from, if any."""
        file = self.batch.gates[gates].file
        return [] if file is None else [(self.batch.gates_folder / file).as_posix()]

    def list_spillover(self, panel: str, control_set: str | None) -> list[str]:
        """Return the spillover result that files of a panel need: none, or one file."""
        source = self.batch.panels[panel].spillover
        if source in SPILLOVER_WORDS and source != "controls":
            return []
        group = control_set if source == "controls" else None
        return [layout.spillover_file(self.results, panel, group).as_posix()]

    def judging(self, _wildcards: Wildcards) -> str:
        """Return the settings by which a page holds counts against limits, as one text."""
        return write_facts(pick_settings(self.batch, *JUDGING_SETTINGS))


def list_existing(file: str) -> list[str]:
    """Return a raw file if it exists: a missing one is a result, not a failed run.

    Of a slide that is a folder, the folder and the files that lie directly in it: the TIFFs of
    its channels, or the metadata of a zarr store (a chunk that changes is not seen).
    """
    path = Path(file)
    if path.is_dir():
        files = sorted(part.as_posix() for part in path.iterdir() if part.is_file())
        return [path.as_posix(), *files]
    return [file] if path.is_file() else []


def repeat_option(option: str, values: Iterable[str]) -> list[str]:
    """Return the words of an option that is given once for each value."""
    return [word for value in values for word in (option, value)]


def list_opening_options(row: Acquisition | Control) -> list[str]:
    """Return how to open the slide of a row: its index, and its pixel size if given."""
    words = ["--image", str(row.image)]
    if row.pixel_size_um is not None:
        words += ["--pixel-size-um", repr(row.pixel_size_um)]
    return words


def match_one_of(ids: Iterable[str]) -> str:
    """Return a pattern that matches one of the ids; one that matches nothing for no ids."""
    return "|".join(re.escape(name) for name in sorted(ids)) or "(?!)"
