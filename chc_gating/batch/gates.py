"""Gates files: YAML, Gating-ML 2.0, or YAML whose populations another file holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from chc_gating.batch.documents import Document, read_document
from chc_gating.batch.findings import Finding
from chc_gating.batch.gate_panel_rules import (
    check_overlaps,
    check_panel,
    check_table,
    find_unused_cuts,
)
from chc_gating.batch.gate_rules import check_form, check_source
from chc_gating.batch.validation import find_booleans, validate_document
from chc_gating.errors import ConfigError, Fault
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel

_HIDDEN = ("matrices", "source", "digest")
"""Keys of the record that no user writes."""


def load_gates(path: Path, *, panel: Panel | None = None) -> Gates:
    """Return the gates of a YAML or Gating-ML file, named after it; checked against a panel.

    A Gating-ML 2.0 document (.xml) has populations and nothing else: no cuts, no phenotypes. So
    has a FlowJo 10 workspace (.wsp), whose populations are filled in for one file
    (`gate_events`, `chc gate-flow`): every sample has its own.

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
    if path.suffix.lower() == ".wsp":
        return _read_workspace(path, file)
    if path.suffix.lower() == ".xml":
        return _read_imported(path, file)
    try:
        document = read_document(path, shown=shown)
    except ConfigError as error:
        return GatesFile(None, list(error.faults))
    remedy = "put it in quotes if it is a name"
    flat = [document.fault(k, "is true or false", remedy) for k in find_booleans(document.data)]
    if flat:
        return GatesFile(None, flat)
    hidden = [
        document.fault((k,), "is not a known key", "remove it")
        for k in _HIDDEN
        if k in document.data
    ]
    if hidden:
        return GatesFile(None, hidden)
    gates, faults = validate_document(document, Gates, name=path.stem)
    if gates is not None:
        faults = faults + _locate(check_source(gates), document)
    if gates is not None and not faults and gates.file is not None:
        gates, faults = _fill_in(gates, path, document)
    if gates is not None and not faults:
        faults = _locate(check_form(gates), document)
    return GatesFile(gates, faults, document)


def _read_imported(path: Path, file: str) -> GatesFile:
    from chc_gating.batch.gating_ml import read_gating_ml

    try:
        populations, matrices = read_gating_ml(path, shown=file)
    except ConfigError as error:
        return GatesFile(None, list(error.faults))
    return GatesFile(Gates(name=path.stem, populations=populations, matrices=matrices), [])


def _read_workspace(path: Path, file: str) -> GatesFile:
    from chc_gating.batch.flowjo_workspace import read_workspace

    try:
        read_workspace(path, shown=file)
    except ConfigError as error:
        return GatesFile(None, list(error.faults))
    gates = Gates(name=path.stem, file=path.name, source=path.as_posix(), digest=_hash_file(path))
    return GatesFile(gates, [])


def _open_workspace(
    gates: Gates, path: Path, document: Document
) -> tuple[Gates | None, list[Fault]]:
    """Return gates that know their workspace; whose names stand in one of its samples."""
    from chc_gating.batch.flowjo_names import AddressError, find_population
    from chc_gating.batch.flowjo_workspace import read_workspace

    try:
        samples = read_workspace(path).in_group(gates.group)
    except ConfigError as error:
        faults = [document.fault(("file",), f.problem, f.remedy, gates.file) for f in error.faults]
        return None, faults
    faults = []
    for keys, text in gates.named_populations():
        problem = None
        for sample in samples:
            try:
                find_population(text, [p.address for p in sample.populations])
            except AddressError as error:
                problem = problem or str(error)
            else:
                problem = None
                break
        if problem is not None:
            said, _, remedy = problem.partition("; ")
            faults.append(document.fault(keys, f"in no sample of {gates.file}: {said}", remedy))
    update = {"source": path.as_posix(), "digest": _hash_file(path)}
    return (None, faults) if faults else (gates.model_copy(update=update), [])


def _hash_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _fill_in(gates: Gates, path: Path, document: Document) -> tuple[Gates | None, list[Fault]]:
    """Return the gates with the populations of the file that they name."""
    from chc_gating.batch.gating_ml import read_gating_ml

    other = path.parent / (gates.file or "")
    if other.suffix.lower() == ".wsp":
        return _open_workspace(gates, other, document)
    if other.suffix.lower() != ".xml":
        remedy = "name a Gating-ML 2.0 document (.xml) or a FlowJo 10 workspace (.wsp)"
        return None, [document.fault(("file",), "holds no gates by its name", remedy, gates.file)]
    try:
        populations, matrices = read_gating_ml(other)
    except ConfigError as error:
        return None, list(error.faults)
    return gates.model_copy(update={"populations": populations, "matrices": matrices}), []


def _locate(findings: Iterator[Finding], document: Document) -> list[Fault]:
    return [document.fault(f.keys, f.problem, f.remedy, f.value) for f in findings]
