"""`chc check`: everything that can be known to be wrong before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path

from chc_gating.batch.configuration import Assembly, assemble_batch
from chc_gating.batch.contents import Batch
from chc_gating.errors import Fault
from chc_gating.stages.check_files import FileCheck


@dataclass(frozen=True)
class CheckReport:
    """What is wrong with a batch, what is odd, and what was found."""

    config_path: Path
    faults: tuple[Fault, ...]
    warnings: tuple[str, ...]
    facts: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong; warnings do not count."""
        return not self.faults

    @property
    def text(self) -> str:
        """The report as a person reads it: faults first, what to do next last."""
        blocks = [
            _list_lines(_count(self.faults, "fault") + ", each to be corrected", self.faults),
            _list_lines(
                _count(self.warnings, "warning") + ", allowed but look at them", self.warnings
            ),
            _list_lines("Found", self.facts),
            self._closing(),
        ]
        return "\n\n".join(block for block in blocks if block)

    def _closing(self) -> str:
        if not self.faults:
            return f"{self.config_path}: no fault. Next: run snakemake."
        return (
            f"{self.config_path}: {_count(self.faults, 'fault')}. Correct them and check again: "
            f"chc check {self.config_path}\n"
            "(A raw file that is missing or broken would stop only its own draw, which then is "
            "reported as not counted; every other fault stops the whole run.)"
        )


def check(config_path: Path, *, directory: Path = Path()) -> CheckReport:
    """Check a batch's configuration, sheets, panels and gates, and the headers of its files.

    Paths in the sheets are relative to ``directory``. Nothing is written.
    """
    found = assemble_batch(config_path, directory=directory)
    faults, warnings = list(found.faults), list(found.warnings)
    facts: list[str] = []
    if found.batch is not None:
        facts += _count_rows(found.batch, found)
        files = FileCheck(found, found.batch)
        files.run()
        faults += files.faults
        warnings += files.warnings
        facts += files.facts
    if found.batch is None or any(fault.problem == "no such file" for fault in found.faults):
        warnings.append(f"paths are relative to {directory.resolve()}")
    return CheckReport(
        config_path=Path(config_path),
        faults=tuple(dict.fromkeys(faults)),
        warnings=tuple(dict.fromkeys(warnings)),
        facts=tuple(facts),
    )


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
        end = "" if gates.cuts else "; no cuts yet: draws will be not counted"
        yield f"gates {name}: phenotypes {rules}{end}"


def _count(things: Sized, noun: str) -> str:
    number = len(things)
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _list_lines(title: str, lines: Sequence[object]) -> str:
    return "\n".join([f"{title}:", *(f"  - {line}" for line in lines)]) if lines else ""
