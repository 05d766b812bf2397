"""`chc cohort`: groups, CHC against CTC and agreement of a batch's draws (cohort.json)."""

from __future__ import annotations

from pathlib import Path

from chc_gating.batch import layout
from chc_gating.batch.configuration import load_batch
from chc_gating.model.count import DrawCount
from chc_gating.monitoring.cohort import describe_cohort
from chc_gating.storage.provenance import describe_input, software_version
from chc_gating.storage.records import read_record, write_record


def cohort(config_path: Path, *, results: Path, output: Path, directory: Path = Path()) -> None:
    """Compare the draws of a batch by the columns group, stage and response.

    config_path : config.yaml; paths in it are relative to ``directory``.
    results : the results folder, with ``draws/{draw}/count.json`` of every draw.
    output : cohort.json.

    Raises ConfigError for faults of the configuration; ChcError where a draw has no count.json.
    """
    batch = load_batch(config_path, directory=directory)
    paths = {name: layout.count_file(results, name) for name in batch.draws}
    found = describe_cohort(
        [read_record(path, DrawCount) for path in paths.values()],
        software_version=software_version(),
        inputs=[describe_input(name, path) for name, path in paths.items()],
    )
    write_record(output, found)
