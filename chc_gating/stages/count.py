"""`chc count`: acquisitions of one draw to counts, exposure and intervals (count.json)."""

from __future__ import annotations

from pathlib import Path

from chc_gating.batch.configuration import load_batch
from chc_gating.batch.contents import Batch
from chc_gating.batch.layout import acquisition_folder
from chc_gating.counting.draw import count_draw
from chc_gating.counting.recovery_sources import recovery_sources
from chc_gating.errors import ChcError
from chc_gating.model.acquisition import AcquisitionResult
from chc_gating.storage.provenance import describe_input, software_version
from chc_gating.storage.records import read_record, write_record


def count(
    config_path: Path, *, draw: str, results: Path, output: Path, directory: Path = Path()
) -> None:
    """Count one draw from the results of its acquisitions, and of the spike draws it needs.

    config_path : config.yaml; paths in it are relative to ``directory``.
    results : the results folder, with ``acquisitions/{acquisition}/populations.json``.
    output : count.json.

    Raises ConfigError for faults of the configuration; ChcError for a draw that the sheet does
    not name and for a result that is absent or of another version.
    """
    batch = load_batch(config_path, directory=directory, only_draw=draw)
    if draw not in batch.draws:
        raise ChcError(f"draw {draw}: not in the draws sheet of {config_path}; correct the id")
    paths = _find_results(batch, draw, results)
    counted = count_draw(
        batch,
        draw,
        results={name: read_record(path, AcquisitionResult) for name, path in paths.items()},
        software_version=software_version(),
        inputs=[describe_input(name, path) for name, path in paths.items()],
    )
    write_record(output, counted)


def _find_results(batch: Batch, draw: str, results: Path) -> dict[str, Path]:
    own = [row.acquisition for row in batch.acquisitions_of(draw)]
    names = dict.fromkeys([*own, *recovery_sources(batch, draw)])
    return {name: acquisition_folder(Path(results), name) / "populations.json" for name in names}
