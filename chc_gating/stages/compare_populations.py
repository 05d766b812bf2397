"""`chc compare --flowjo` and `--expected`: every population beside another program's count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chc_gating.batch.flowjo_names import AddressError, find_population
from chc_gating.batch.flowjo_workspace import FlowJoSample, last_part, read_workspace
from chc_gating.batch.sheets import read_sheet
from chc_gating.errors import ChcError, ConfigError, Fault
from chc_gating.model.acquisition import AcquisitionResult
from chc_gating.model.gates import ROOT
from chc_gating.stages.comparison import Comparison, align_columns
from chc_gating.storage.records import read_record

_COLUMNS = ("acquisition", "population", "counted", "expected", "difference", "percent", "")
_EXPECTED_COLUMNS = ("acquisition", "population", "count")


@dataclass(frozen=True)
class _Counts:
    """What another program counted in one acquisition; a population without a count is None.

    addresses : every population as a path (`/Cells/CD45+`), or as the name that a table gives.
    must_match : whether a population that is missing here is a difference.
    """

    addresses: tuple[str, ...]
    counts: tuple[int | None, ...]
    all_events: int | None = None
    must_match: bool = False


def compare_populations(
    results: Path,
    *,
    workspace: Path | None = None,
    group: str | None = None,
    table: Path | None = None,
    tolerance_percent: float = 0.0,
) -> Comparison:
    """Compare with the one of ``workspace`` and ``table`` that is given."""
    if workspace is not None:
        return compare_flowjo(
            results, workspace=workspace, group=group, tolerance_percent=tolerance_percent
        )
    if table is None:
        raise ValueError("give a workspace or a table")
    return compare_expected(results, table=table, tolerance_percent=tolerance_percent)


def compare_flowjo(
    results: Path, *, workspace: Path, group: str | None = None, tolerance_percent: float = 0.0
) -> Comparison:
    """Compare the counts in a results folder with those that FlowJo saved in a workspace.

    An acquisition's sample is the one of its file's name. A count that differs by more than the
    tolerance (percent of FlowJo's count) is a difference, and so is an acquisition with a sample
    that was not counted. A population or file that only one side has is listed.

    Raises ChcError where a file cannot be read, no acquisition has a sample, or no population has
    a count on both sides.
    """
    found = read_workspace(workspace)
    samples = found.in_group(group)
    acquisitions = _read_acquisitions(results)
    others: dict[str, _Counts] = {}
    absent, ambiguous = [], []
    used: set[int] = set()
    for name, result in acquisitions.items():
        own = [s for s in samples if _file_name(result) in s.names]
        if len(own) == 1:
            others[name] = _read_counts(own[0])
        elif own:
            ambiguous.append(name)
        else:
            absent.append(name)
        used |= {id(s) for s in own}
    left = [s.names[-1] for s in samples if id(s) not in used and s.names]
    if not others:
        raise ChcError(
            f"{workspace}: no acquisition in {results} has a sample of its file's name; "
            f"the samples are {_list(left)}"
        )
    notes = [
        *_note("acquisitions without a sample", absent),
        *_note("acquisitions with several samples of their file's name", ambiguous),
        *_note("samples without an acquisition", left),
    ]
    return _compare(acquisitions, others, tolerance_percent=tolerance_percent, notes=notes)


def compare_expected(results: Path, *, table: Path, tolerance_percent: float = 0.0) -> Comparison:
    """Compare the counts in a results folder with a table: acquisition, population, count.

    What the table names and the results lack is a difference.

    Raises ConfigError for a table that cannot be read, ChcError where nothing can be compared.
    """
    others = _read_expected(table)
    acquisitions = _read_acquisitions(results)
    missing = [name for name in others if name not in acquisitions]
    if len(missing) == len(others):
        raise ChcError(f"{table}: {results} has none of its acquisitions: {_list(missing)}")
    without = [name for name in acquisitions if name not in others]
    notes = [
        *_note("acquisitions that the table does not name", without),
        *_note("DIFFERS: acquisitions that the results lack", missing),
    ]
    known = {name: counts for name, counts in others.items() if name in acquisitions}
    compared = _compare(acquisitions, known, tolerance_percent=tolerance_percent, notes=notes)
    return Comparison(compared.text, compared.agrees and not missing)


def _read_acquisitions(results: Path) -> dict[str, AcquisitionResult]:
    files = sorted((results / "acquisitions").glob("*/populations.json"))
    if not files:
        raise ChcError(f"{results}: holds no acquisition; run snakemake, or name its results")
    return {file.parent.name: read_record(file, AcquisitionResult) for file in files}


def _file_name(result: AcquisitionResult) -> str:
    return next((last_part(i.path) for i in result.inputs if i.role == "raw"), "")


def _read_counts(sample: FlowJoSample) -> _Counts:
    return _Counts(
        addresses=tuple(p.address for p in sample.populations),
        counts=tuple(p.count for p in sample.populations),
        all_events=sample.event_count,
    )


def _read_expected(table: Path) -> dict[str, _Counts]:
    sheet = read_sheet(table)
    lacking = [name for name in _EXPECTED_COLUMNS if name not in sheet.columns]
    if lacking:
        remedy = f"its columns are {', '.join(_EXPECTED_COLUMNS)}"
        raise ConfigError([Fault(str(table), f"lacks {', '.join(lacking)}", remedy, 1)])
    places = [sheet.columns.index(name) for name in _EXPECTED_COLUMNS]
    faults: list[Fault] = []
    found: dict[str, dict[str, int]] = {}
    for line, cells in sheet.rows:
        acquisition, population, count = (cells[i] for i in places)
        if not acquisition or not population or not count.isdecimal():
            remedy = "give an acquisition, a population and a whole number of events"
            faults.append(Fault(str(table), "cannot be compared", remedy, line, "count", count))
        elif population in found.setdefault(acquisition, {}):
            remedy = "keep one of them"
            faults.append(Fault(str(table), "stands twice", remedy, line, "population", population))
        else:
            found[acquisition][population] = int(count)
    if not sheet.rows:
        faults.append(Fault(str(table), "has no row", "fill in a row below the columns"))
    if faults:
        raise ConfigError(faults)
    return {
        name: _Counts(
            addresses=tuple(p if p.startswith("/") else f"/{p}" for p in counts if p != ROOT),
            counts=tuple(n for p, n in counts.items() if p != ROOT),
            all_events=counts.get(ROOT),
            must_match=True,
        )
        for name, counts in found.items()
    }


def _compare(
    acquisitions: Mapping[str, AcquisitionResult],
    others: Mapping[str, _Counts],
    *,
    tolerance_percent: float,
    notes: Sequence[str],
) -> Comparison:
    lines = [list(_COLUMNS)]
    for name, counts in others.items():
        lines += _compare_one(name, acquisitions[name], counts, tolerance_percent)
    differences = sum(line[-1].startswith(_BAD) for line in lines)
    compared = sum(bool(line[4]) for line in lines[1:])
    if not compared and not differences:
        raise ChcError(
            "no population has a count on both sides; save the workspace after FlowJo has counted, "
            "and name populations alike"
        )
    allowed = f" by more than {tolerance_percent:g} %" if tolerance_percent else ""
    verdict = f"{compared} counts compared, {differences} differ{allowed}."
    return Comparison("\n".join([align_columns(lines), *notes, verdict]), differences == 0)


_BAD = ("DIFFERS", "NOT COUNTED", "MISSING")
"""How the last cell of a line begins that is a difference."""


def _compare_one(
    name: str, result: AcquisitionResult, other: _Counts, tolerance_percent: float
) -> Iterator[list[str]]:
    """Yield a line per population of either side."""
    if result.status == "not_counted" and not result.populations:
        yield [name, "", "", "", "", "", f"NOT COUNTED: {result.reason}"]
        return
    ours = {p.name: p.events for p in result.populations}
    ours |= {p.name: p.events for p in result.phenotypes if p.name not in ours}
    matched = _match_names(tuple(ours), other.addresses)
    if other.all_events is not None and result.event_count is not None:
        yield _line(name, ROOT, result.event_count, other.all_events, tolerance_percent)
    for i, (address, count) in enumerate(zip(other.addresses, other.counts, strict=True)):
        if i in matched:
            yield _line(name, address, ours[matched[i]], count, tolerance_percent)
        else:
            fault = "MISSING: not in the results" if other.must_match else "not in the results"
            yield [name, address, "", _show(count), "", "", fault]
    listed = {p.name for p in result.populations} - {ROOT, *matched.values()}
    for own in ours:
        if own in listed and not other.must_match:
            yield [name, own, str(ours[own]), "", "", "", "not in the workspace"]


def _match_names(ours: Sequence[str], others: Sequence[str]) -> dict[int, str]:
    """Return our name of each of the other's populations that both sides have.

    A short name and a path meet where the path ends with the name and nothing else does.
    """
    matched: dict[int, str] = {}
    for own in ours:
        index = _find(own, others)
        if index is not None:
            matched.setdefault(index, own)
    paths = [own if own.startswith("/") else f"/{own}" for own in ours]
    for i, address in enumerate(others):
        index = _find(address.removeprefix("/"), paths)
        if i not in matched and index is not None and ours[index] not in matched.values():
            matched[i] = ours[index]
    return matched


def _find(name: str, addresses: Sequence[str]) -> int | None:
    try:
        return None if name == ROOT else find_population(name, addresses)
    except AddressError:
        return None


def _line(
    name: str, population: str, counted: int, expected: int | None, tolerance_percent: float
) -> list[str]:
    if expected is None:
        return [name, population, str(counted), "", "", "", "not counted by FlowJo"]
    difference = counted - expected
    percent = 100.0 * difference / expected if expected else None
    shown = "" if percent is None else f"{percent:+.2f}"
    within = abs(difference) * 100.0 <= tolerance_percent * expected
    mark = "" if difference == 0 else "within the tolerance" if within else "DIFFERS"
    return [name, population, str(counted), str(expected), f"{difference:+d}", shown, mark]


def _show(number: int | None) -> str:
    return "" if number is None else str(number)


def _note(what: str, names: Sequence[str]) -> list[str]:
    return [f"{what}: {_list(names)}"] if names else []


def _list(names: Sequence[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more if names else "none"
