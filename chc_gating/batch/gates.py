"""Gates files as YAML: read, validated, and refused where a part is not built."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from chc_gating.batch.documents import Document, read_document
from chc_gating.batch.gate_rules import (
    Finding,
    check_form,
    check_overlaps,
    check_panel,
    check_table,
    find_unused_cuts,
)
from chc_gating.batch.validation import find_booleans, validate_document
from chc_gating.errors import ConfigError, Fault
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel

_IMPORTED = {".xml": "Gating-ML files", ".wsp": "FlowJo workspaces"}


def load_gates(path: Path, *, panel: Panel | None = None) -> Gates:
    """Return the gates of a YAML file, named after it; checked against a panel, if given.

    Raises ConfigError with all faults, each with its line.
    """
    file = read_gates(Path(path))
    faults = [*file.faults, *file.check_against(panel)]
    if file.gates is None or faults:
        raise ConfigError(faults)
    return file.gates


class GatesFile:
    """A gates file: its gates (None where it has faults of form), its faults and warnings."""

    def __init__(
        self, gates: Gates | None, faults: list[Fault], document: Document | None = None
    ) -> None:
        self.gates = gates
        self.faults = faults
        self._document = document

    def check_against(self, panel: Panel | None) -> list[Fault]:
        """Return the faults of these gates on a panel: channels, markers, cuts, overlaps."""
        if self.gates is None or self._document is None:
            return []
        faults = _locate(check_panel(self.gates, panel), self._document)
        faults += _locate(check_overlaps(self.gates, panel), self._document)
        if panel is None or faults or self.faults:
            return faults
        return _locate(check_table(self.gates, panel), self._document)

    def warnings(self) -> list[str]:
        """Return what is odd and yet allowed."""
        if self.gates is None or self._document is None:
            return []
        return [
            f"{self._document.file}, cuts.{marker}: used by no phenotype and no `when`"
            for marker in find_unused_cuts(self.gates)
        ]


def read_gates(path: Path, *, shown: str | None = None) -> GatesFile:
    """Read a gates file; its faults are kept, not raised."""
    file = shown or str(path)
    if path.suffix.lower() in _IMPORTED:
        problem = f"{_IMPORTED[path.suffix.lower()]} are not built in this version"
        return GatesFile(None, [Fault(file, problem, "write the gates as YAML")])
    try:
        document = read_document(path, shown=shown)
    except ConfigError as error:
        return GatesFile(None, list(error.faults))
    remedy = "put it in quotes if it is a name"
    flat = [document.fault(k, "is true or false", remedy) for k in find_booleans(document.data)]
    if flat:
        return GatesFile(None, flat)
    gates, faults = validate_document(document, Gates, name=path.stem)
    if gates is not None:
        faults = faults + _locate(check_form(gates), document)
    return GatesFile(gates, faults, document)


def _locate(findings: Iterator[Finding], document: Document) -> list[Fault]:
    return [document.fault(f.keys, f.problem, f.remedy, f.value) for f in findings]
