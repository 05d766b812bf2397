"""How a compensated value comes from the detectors, one mixture per spillover in use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chc_gating.compensation.invert import MAX_CONDITION_NUMBER
from chc_gating.errors import ChcError, RawFileError
from chc_gating.gating.dimensions import LinearValue
from chc_gating.gating.file_channels import FileChannels
from chc_gating.gating.terms import NEGLIGIBLE, build_terms
from chc_gating.kernels.plan_arrays import IntArray
from chc_gating.model.channel_names import match_channels
from chc_gating.model.events import FloatArray
from chc_gating.model.gates import Gates
from chc_gating.model.imported_gates import FROM_FILE, UNCOMPENSATED, ImportedMatrix
from chc_gating.model.spillover import Spillover


@dataclass(frozen=True)
class Mixture:
    """Values of m channels, and of fluorochromes that a matrix names.

    first, detector, weight : as `build_terms` gives them. names : fluorochrome to its value.
    mixed : detectors of a matrix that gives values of fluorochromes only.
    """

    first: IntArray
    detector: IntArray
    weight: FloatArray
    names: Mapping[str, LinearValue]
    mixed: frozenset[int] = frozenset()

    def channel(self, index: int) -> LinearValue:
        """Return the value of a channel; outside the spillover, that is its own detector."""
        place = slice(self.first[index], self.first[index + 1])
        return LinearValue(self.detector[place], self.weight[place])

    def find(self, name: str, file: FileChannels) -> LinearValue:
        """Return the value of a fluorochrome of the matrix, else of a channel of the file."""
        if name in self.names:
            return self.names[name]
        index = match_channels(name, file.names, labels=file.labels)[0]
        if index in self.mixed:
            raise ChcError(
                f"{name} is one of more detectors than its matrix has fluorochromes, so that it "
                f"has no compensated value; gate on one of {', '.join(self.names)}"
            )
        return self.channel(index)


def mix_panel(terms: tuple[IntArray, IntArray, FloatArray]) -> Mixture:
    """Return the mixture of terms that a plan has."""
    return Mixture(*terms, names={})


def mix_imported(
    gates: Gates, *, file: FileChannels, file_spillover: Spillover | None
) -> dict[str, Mixture]:
    """Return the mixtures that imported gates refer to, by reference.

    ``FCS`` in a file without a spillover means uncompensated (Gating-ML 2.0, section 4.1.1).

    Raises ChcError for a matrix that is singular, or that gates name and do not hold;
    RawFileError where the file lacks a detector of a matrix.
    """
    used = {
        dimension.compensation
        for gate in gates.populations.values()
        if gate.imported is not None
        for dimension in gate.imported.dimensions
    }
    mixtures = {}
    for name in sorted(used):
        if name in gates.matrices:
            mixtures[name] = _mix_matrix(name, gates.matrices[name], file)
        elif name in (UNCOMPENSATED, FROM_FILE):
            spillover = file_spillover if name == FROM_FILE else None
            mixtures[name] = mix_panel(
                build_terms(spillover, channels=file.names, labels=file.labels)
            )
        else:
            raise ChcError(f"gates {gates.name}: there is no matrix {name}")
    return mixtures


def _mix_matrix(name: str, matrix: ImportedMatrix, file: FileChannels) -> Mixture:
    """Return fluorochromes by least squares from their detectors (with as many: the inverse)."""
    detectors = np.array(_find_detectors(name, matrix, file))
    rows = np.array(matrix.rows, dtype=np.float64)
    if not np.linalg.cond(rows) <= MAX_CONDITION_NUMBER:
        raise ChcError(f"matrix {name} is singular: two of its rows are almost alike")
    square = rows.shape[0] == rows.shape[1]
    inverse = np.asarray(np.linalg.inv(rows) if square else np.linalg.pinv(rows), np.float64)
    inverse[np.abs(inverse) < NEGLIGIBLE * np.abs(inverse).max()] = 0.0
    values = [_nonzero(inverse[:, i], detectors) for i in range(len(rows))]
    names = {n: value for n, value in zip(matrix.fluorochromes, values, strict=True) if n}
    mixing = np.eye(len(file.names))
    if square:
        mixing[np.ix_(detectors, detectors)] = inverse
    mixed = frozenset() if square else frozenset(detectors.tolist())
    return Mixture(*_sparse(mixing), names=names, mixed=mixed)


def _find_detectors(name: str, matrix: ImportedMatrix, file: FileChannels) -> list[int]:
    found = [match_channels(d, file.names, labels=file.labels) for d in matrix.detectors]
    missing = [d for d, hit in zip(matrix.detectors, found, strict=True) if len(hit) != 1]
    if missing:
        raise RawFileError(
            f"matrix {name} needs channels {', '.join(missing)}, the file has "
            f"{', '.join(file.names)}"
        )
    return [hit[0] for hit in found]


def _nonzero(column: FloatArray, detectors: IntArray) -> LinearValue:
    used = np.flatnonzero(column)
    return LinearValue(detectors[used], column[used])


def _sparse(mixing: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
    rows, detectors = np.nonzero(mixing.T)
    first = np.searchsorted(rows, np.arange(len(mixing) + 1))
    return first.astype(np.int64), detectors.astype(np.int64), mixing.T[rows, detectors]
