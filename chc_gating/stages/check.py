"""`chc check`: everything that can be known to be wrong before anything runs."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Iterator, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path

from chc_gating.batch.configuration import DEFAULT_CONFIG, Assembly, assemble_batch
from chc_gating.batch.contents import Batch
from chc_gating.batch.row_rules import warn_of_days
from chc_gating.batch.rows import Draw
from chc_gating.errors import Fault
from chc_gating.stages.check_controls import find_absent_controls, warn_of_absent_controls
from chc_gating.stages.check_files import FileCheck

_SNAKEFILE = Path(__file__).parents[2] / "Snakefile"
"""The workflow of this checkout: rules and package are of one version."""

_ABSENT = ("no such file", "no such folder")
_PATHS_START = (
    "paths start at the working directory: run it from the batch's folder, or give --directory"
)
_STOPS_DRAW = (
    "in raw files; the run goes on without such a file, and a draw that has no other is reported "
    "as not counted"
)


@dataclass(frozen=True)
class CheckReport:
    """What is wrong with a batch, what is odd, and what was found.

    run_faults : of the configuration, sheets, panels and gates; a run does not start with them.
    file_faults : of single raw files; a run counts the other draws all the same.
    file_count : rows of sheets that name a raw file.
    """

    config_path: Path
    directory: Path
    run_faults: tuple[Fault, ...]
    file_faults: tuple[Fault, ...]
    warnings: tuple[str, ...]
    facts: tuple[str, ...]
    file_count: int = 0

    @property
    def faults(self) -> tuple[Fault, ...]:
        """All faults, those that stop the run first."""
        return self.run_faults + self.file_faults

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong; warnings do not count."""
        return not self.faults

    @property
    def text(self) -> str:
        """The report as a person reads it at a prompt: what matters most stands last."""
        stop = "that stops" if len(self.run_faults) == 1 else "that stop"
        blocks = [
            _list_lines("Found", self.facts),
            _list_lines(
                _count(self.warnings, "warning") + ", allowed but look at them", self.warnings
            ),
            _list_lines(f"{_count(self.file_faults, 'fault')} {_STOPS_DRAW}", self.file_faults),
            _list_lines(f"{_count(self.run_faults, 'fault')} {stop} the run", self.run_faults),
            self._advice,
            self._closing(),
        ]
        return "\n\n".join(block for block in blocks if block)

    @property
    def _advice(self) -> str:
        """What to say once where more raw files are absent than found."""
        absent = sum(fault.problem in _ABSENT for fault in self.file_faults)
        if absent < 2 or 2 * absent <= self.file_count:
            return ""
        return f"{absent:,} of {self.file_count:,} raw files are not found; {_PATHS_START}."

    def _closing(self) -> str:
        odd = f", {_count(self.warnings, 'warning')}" if self.warnings else ""
        if not self.faults:
            return f"{self.config_path}: no fault{odd}. Next: {self._run_words()}"
        words = ["chc", "check", str(self.config_path)]
        if self.directory != Path():
            words += ["--directory", str(self.directory)]
        stop = "the run would not start" if self.run_faults else "the run would go on without them"
        return (
            f"{self.config_path}: {_count(self.faults, 'fault')}{odd}; {stop}. "
            f"Correct them and check again: {shlex.join(words)}"
        )

    def _run_words(self) -> str:
        """Return the command line that runs this batch."""
        words = ["snakemake", "-s", str(_SNAKEFILE), "--directory", str(self.directory)]
        words += ["--cores", "all"]
        config = self.config_path.absolute()
        if config != (self.directory / DEFAULT_CONFIG).absolute():
            words += ["--configfile", str(config)]
        return shlex.join(words)


def check(
    config_path: Path, *, directory: Path = Path(), today: datetime.date | None = None
) -> CheckReport:
    """Check a batch's configuration, sheets, panels and gates, and the headers of its files.

    Paths in the sheets are relative to ``directory``. A draw after ``today`` (by default the
    machine's) is warned of. Nothing is written.
    """
    config_path, directory = Path(config_path), Path(directory)
    found = assemble_batch(config_path, directory=directory)
    run_faults, warnings = list(found.faults), list(found.warnings)
    file_faults: list[Fault] = []
    facts: list[str] = []
    if not config_path.exists() and (directory / config_path).is_file():
        remedy = f"it is named from where you are: did you mean {directory / config_path}?"
        run_faults = [Fault(str(config_path), "no such configuration file", remedy)]
    if found.batch is not None:
        facts += _count_rows(found.batch, found)
        day = today or datetime.date.today()
        warnings += warn_of_days(found.rows(Draw), found.file("draws"), today=day)
        files = FileCheck(found, found.batch)
        files.run()
        run_faults += files.faults
        file_faults += files.file_faults
        warnings += files.warnings
        facts += files.facts
        file_faults += find_absent_controls(found, found.batch)
        warnings += warn_of_absent_controls(found, found.batch)
        if not found.tables:
            run_faults = _gather_absent(run_faults, config_path)
    return CheckReport(
        config_path=config_path,
        directory=directory,
        run_faults=tuple(dict.fromkeys(run_faults)),
        file_faults=tuple(dict.fromkeys(file_faults)),
        warnings=tuple(dict.fromkeys(warnings)),
        facts=tuple(facts),
        file_count=sum(
            "file" in cells for table in found.tables.values() for _, cells in table.texts
        ),
    )


def _gather_absent(faults: Sequence[Fault], config_path: Path) -> list[Fault]:
    """Return the faults with all paths that do not exist told as one."""
    paths = [fault.file for fault in faults if fault.problem in _ABSENT]
    if len(paths) < 2:
        return list(faults)
    problem = f"does not find {', '.join(paths)}"
    gathered = Fault(str(config_path), problem, _PATHS_START)
    return [gathered, *(fault for fault in faults if fault.problem not in _ABSENT)]


def _count_rows(batch: Batch, found: Assembly) -> Iterator[str]:
    for name, table in found.tables.items():
        faulty = len(table.texts) - len(table.rows)
        if faulty:
            rows = _count(table.texts, "row")
            yield f"{table.file}: {faulty} of {rows} at fault, {name} left out below"
    cohorts = [row.cohort for row in batch.draws.values()]
    split = ", ".join(f"{cohorts.count(c)} {c}" for c in dict.fromkeys(cohorts))
    flow, image = len(batch.acquisition_ids("flow")), len(batch.acquisition_ids("image"))
    yield f"{_count(batch.draws, 'draw')}" + (f" ({split})" if split else "")
    yield f"{_count(batch.acquisitions, 'acquisition')} ({flow} flow, {image} image)"
    if batch.controls:
        yield _count(batch.controls, "control")
    for name, panel in batch.panels.items():
        markers = ", ".join(panel.markers) or "no marker"
        yield f"panel {name}: {panel.modality}, markers {markers}, spillover {panel.spillover}"
    for name, gates in batch.gates.items():
        rules = ", ".join(gates.phenotypes) or "none"
        end = "" if gates.called else "; no cuts yet: draws will be not counted"
        yield f"gates {name}: phenotypes {rules}{end}"


def _count(things: Sized, noun: str) -> str:
    number = len(things)
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _list_lines(title: str, lines: Sequence[object]) -> str:
    return "\n".join([f"{title}:", *(f"  - {line}" for line in lines)]) if lines else ""
