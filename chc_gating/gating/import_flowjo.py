"""One sample of a FlowJo workspace as gates, for one file's channels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import ValidationError

from chc_gating.batch.flowjo_gates import FlowJoPopulation
from chc_gating.batch.flowjo_names import AddressError, find_population, name_populations
from chc_gating.batch.flowjo_scales import FlowJoMatrix
from chc_gating.batch.flowjo_workspace import FlowJoSample
from chc_gating.errors import ChcError
from chc_gating.gating.flowjo_shapes import FlowJoParameters, ImportProblemError, import_shape
from chc_gating.gating.imported_sample import ImportedSample
from chc_gating.model.gates import (
    MAX_POPULATIONS,
    ROOT,
    Gates,
    MarkerPopulations,
    PopulationGate,
)
from chc_gating.model.imported_gates import FROM_FILE, GateReference, ImportedGate, ImportedMatrix
from chc_gating.model.spillover import Spillover


@dataclass(frozen=True)
class FileFacts:
    """What the import needs to know of a file: its channels, whether it brings a spillover.

    time_channel, time_factor : from stored times to seconds, None and 1 without a clock.
    """

    channels: tuple[str, ...]
    has_spillover: bool
    time_channel: str | None = None
    time_factor: float = 1.0


def import_sample(gates: Gates, sample: FlowJoSample, file: FileFacts) -> ImportedSample:
    """Return the gates of a sample; names in ``gates`` become those of its populations.

    A population that cannot be imported is left out with those that need it, and noted. At most
    63 populations fit one plan: those that ``gates`` names and their ancestors come first, then
    the others in order.

    Raises ChcError where a population that ``gates`` names is not there or cannot be imported.
    """
    where = f"gates {gates.name}: {gates.file}"
    populations = sample.populations
    if not populations:
        raise ChcError(f"{where}: its sample of this file has no gates; draw them in FlowJo")
    matrix = _choose_matrix(sample.matrices)
    parameters = FlowJoParameters(
        channels=file.channels,
        scales=sample.scales,
        matrix=matrix,
        has_spillover=file.has_spillover,
        time_channel=file.time_channel,
        time_factor=file.time_factor,
    )
    found = _Tree(populations, parameters)
    named = {text: found.index(text, where) for _, text in gates.named_populations()}
    kept = found.choose(list(named.values()), where)
    names = {text: found.names[i] for text, i in named.items()}
    used = None if matrix is None else _own_names(matrix, file.channels)
    return ImportedSample(
        gates=gates.model_copy(
            update={
                "populations": {found.names[i]: found.gates[i] for i in kept},
                "matrices": {} if matrix is None or used is None else {matrix.key: used},
                "phenotype": names.get(gates.phenotype, gates.phenotype),
                "nucleated": names.get(gates.nucleated or "", gates.nucleated),
                "markers": _rename_markers(gates.markers, names),
            }
        ),
        spillover=None if matrix is None or used is None else _spillover(used, matrix, gates),
        notes=(
            *_describe_source(sample, matrix, [found.gates[i] for i in kept]),
            *found.notes(kept),
        ),
    )


def rename_population(text: str, gates: Gates, sample: FlowJoSample) -> str:
    """Return the name under which a population was imported; raise ChcError for none."""
    addresses = [p.address for p in sample.populations]
    try:
        return name_populations(sample.populations)[find_population(text, addresses)]
    except AddressError as error:
        raise ChcError(f"gates {gates.name}: {gates.file}: {error}") from None


class _Tree:
    """The populations of a sample, imported as far as they can be."""

    def __init__(
        self, populations: Sequence[FlowJoPopulation], parameters: FlowJoParameters
    ) -> None:
        self.populations = populations
        self.addresses = [p.address for p in populations]
        self.names = name_populations(populations)
        self.gates: dict[int, PopulationGate] = {}
        self.problems: dict[int, str] = {}
        place = {p.path: i for i, p in enumerate(populations)}
        self._parents = tuple(place.get(p.path[:-1]) for p in populations)
        self._repeated = {a for a, n in Counter(self.addresses).items() if n > 1}
        self._needs: dict[int, tuple[int, ...]] = {}
        for i, population in enumerate(populations):
            try:
                self.gates[i] = self._import(i, population, parameters)
            except (ImportProblemError, AddressError) as error:
                self.problems[i] = str(error)
            except ValidationError:
                self.problems[i] = "its numbers are beyond what can be computed with"

    def _import(
        self, i: int, population: FlowJoPopulation, parameters: FlowJoParameters
    ) -> PopulationGate:
        if population.problem is not None:
            raise ImportProblemError(f"it is {population.problem}")
        if self.addresses[i] in self._repeated:
            raise ImportProblemError("several populations have this path")
        parent, above = self._parents[i], self._above(i)
        if population.dependents:
            gate, references = self._import_boolean(population)
            self._needs[i] = (*above, *references)
        else:
            gate = import_shape(population, parameters)
            self._needs[i] = above
        return PopulationGate(parent=ROOT if parent is None else self.names[parent], imported=gate)

    def _import_boolean(self, population: FlowJoPopulation) -> tuple[ImportedGate, tuple[int, ...]]:
        if population.kind == "not" and len(population.dependents) != 1:
            raise ImportProblemError("it is the complement of several populations")
        found = [find_population(f"/{text}", self.addresses) for text in population.dependents]
        references = tuple(GateReference(population=self.names[j]) for j in found)
        kind = population.kind or "and"
        return ImportedGate(kind=kind, references=references), tuple(found)

    def index(self, text: str, where: str) -> int:
        """Return the index of a population that the gates file names."""
        try:
            return find_population(text, self.addresses)
        except AddressError as error:
            raise ChcError(f"{where}: {error}") from None

    def choose(self, named: Sequence[int], where: str) -> list[int]:
        """Return the populations of the plan in file order, each with all that it needs."""
        kept: set[int] = set()
        for i in named:
            needed = self._close([i])
            broken = next((j for j in sorted(needed) if j in self.problems), None)
            if broken is not None:
                raise ChcError(
                    f"{where}: population {self.addresses[broken]} cannot be imported: "
                    f"{self.problems[broken]}; redraw it in FlowJo, or name another"
                )
            kept |= needed
        if len(kept) > MAX_POPULATIONS:
            raise ChcError(
                f"{where}: the populations that are named need {len(kept)}; "
                f"at most {MAX_POPULATIONS} fit one plan"
            )
        for i in range(len(self.populations)):
            needed = self._close([i])
            if not needed & self.problems.keys() and len(kept | needed) <= MAX_POPULATIONS:
                kept |= needed
        return sorted(kept)

    def _close(self, start: Iterable[int]) -> set[int]:
        """Return populations with all that they need."""
        closed: set[int] = set()
        waiting = list(start)
        while waiting:
            i = waiting.pop()
            if i not in closed:
                closed.add(i)
                waiting += self._needs.get(i, self._above(i))
        return closed

    def _above(self, i: int) -> tuple[int, ...]:
        parent = self._parents[i]
        return () if parent is None else (parent,)

    def notes(self, kept: Sequence[int]) -> tuple[str, ...]:
        """Return a line for every population that was left out, and for those below it."""
        lines = []
        held = set(kept)
        for i, address in enumerate(self.addresses):
            if i in held:
                continue
            broken = sorted(self._close([i]) & self.problems.keys())
            if i in self.problems:
                lines.append(f"population {address} left out: {self.problems[i]}")
            elif broken:
                lines.append(f"population {address} left out: it needs {self.addresses[broken[0]]}")
            else:
                reason = f"more than {MAX_POPULATIONS} populations; name it to have it counted"
                lines.append(f"population {address} left out: {reason}")
        return tuple(lines)


def _describe_source(
    sample: FlowJoSample, matrix: FlowJoMatrix | None, gates: Iterable[PopulationGate]
) -> tuple[str, ...]:
    """Return where the matrix comes from, unless it is the sample's own or none is used."""
    used = {d.compensation for g in gates if g.imported for d in g.imported.dimensions}
    if FROM_FILE in used:
        count = len(sample.matrices)
        held = f"{count} matrices, none of them the sample's" if count else "no matrix"
        return (f"compensated with the file's own spillover: the workspace has {held}",)
    if matrix is not None and matrix.key in used and not sample.has_own_matrix:
        return (f"compensated with matrix {matrix.name}: the workspace has no other",)
    return ()


def _choose_matrix(matrices: Sequence[FlowJoMatrix]) -> FlowJoMatrix | None:
    """Return the one matrix; of several in a workspace none can be said to be the sample's."""
    return matrices[0] if len(matrices) == 1 else None


def _own_names(matrix: FlowJoMatrix, channels: Sequence[str]) -> ImportedMatrix | None:
    """Return a matrix under the file's channel names (FlowJo writes `_` for `/`)."""
    if matrix.matrix is None:
        return None
    renamed = {c.replace("/", "_"): c for c in channels}
    detectors = tuple(d if d in channels else renamed.get(d, d) for d in matrix.matrix.detectors)
    place = {d: i for i, d in enumerate(matrix.matrix.fluorochromes)}
    order = [place[d] for d in matrix.matrix.detectors]
    rows = tuple(matrix.matrix.rows[i] for i in order)
    return ImportedMatrix(fluorochromes=detectors, detectors=detectors, rows=rows)


def _spillover(used: ImportedMatrix, matrix: FlowJoMatrix, gates: Gates) -> Spillover:
    source = f"{gates.file}, matrix {matrix.name}"
    return Spillover(channels=used.detectors, matrix=np.array(used.rows), source=source)


def _rename_markers(
    markers: Mapping[str, MarkerPopulations], names: Mapping[str, str]
) -> dict[str, MarkerPopulations]:
    return {
        marker: MarkerPopulations(
            positive=names.get(m.positive, m.positive),
            negative=names.get(m.negative or "", m.negative),
        )
        for marker, m in markers.items()
    }
