"""`chc limits`: donors' draws to the background, LoB, LoD and LoQ of a panel, gates and lot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chc_gating.batch import layout
from chc_gating.batch.configuration import load_batch
from chc_gating.batch.contents import Batch
from chc_gating.batch.fingerprints import hash_gates, hash_measuring_panel
from chc_gating.counting.background_bootstrap import REPLICATES, SEED
from chc_gating.counting.donors import FoundDonors, choose_donors, find_own_donors
from chc_gating.counting.limit_sources import donor_draws
from chc_gating.counting.limits import assess_lots, find_basis
from chc_gating.errors import ChcError
from chc_gating.model.acquisition import InputFile
from chc_gating.model.count import DrawCount
from chc_gating.model.limits import DonorCount, Limits
from chc_gating.storage.provenance import describe_input, software_version
from chc_gating.storage.records import read_record, write_record


def limits(
    config_path: Path,
    *,
    panel: str,
    gates: str,
    lot: str,
    results: Path,
    output: Path,
    directory: Path = Path(),
) -> None:
    """Write limits.json from this batch's donors and those of ``settings.limits``.

    config_path : config.yaml; paths in it are relative to ``directory``.
    lot : the lot, ``-`` for a blank one.
    results : the results folder, with ``draws/{draw}/count.json`` of every donor.

    Raises ConfigError for faults of the configuration; ChcError for a panel, gates or lot that
    no acquisition uses, and for a result that is absent or of another version.
    """
    batch = load_batch(config_path, directory=directory)
    _check_names(batch, config_path, panel=panel, gates=gates, lot=lot)
    counts, inputs = _read_counts(batch, Path(results), panel=panel, gates=gates)
    own, not_counted = find_own_donors(counts, panel=panel, gates=gates)
    earlier, earlier_inputs, notes = _read_earlier(batch, directory, panel=panel, gates=gates)
    chosen = choose_donors([*own, *earlier], exposure=batch.settings.background_exposure)
    found = FoundDonors(chosen.donors, (*not_counted, *chosen.left_out))
    write_record(
        output,
        _build_limits(
            batch,
            found,
            names=(panel, gates, layout.read_lot(lot)),
            inputs=[*inputs, *earlier_inputs],
            notes=notes,
        ),
    )


def _check_names(batch: Batch, config_path: Path, *, panel: str, gates: str, lot: str) -> None:
    rows = [r for r in batch.acquisitions.values() if (r.panel, r.gates) == (panel, gates)]
    if not rows:
        raise ChcError(
            f"panel {panel} with gates {gates}: no acquisition of {config_path} uses them "
            "together; correct --panel or --gates"
        )
    lots = dict.fromkeys(layout.name_lot(row.lot) for row in rows)
    if lot not in lots:
        raise ChcError(
            f"lot {lot}: no acquisition of panel {panel} and gates {gates} is of it; their lots "
            f"are {', '.join(lots)} (- is a blank one); correct --lot"
        )


def _read_counts(
    batch: Batch, results: Path, *, panel: str, gates: str
) -> tuple[list[DrawCount], list[InputFile]]:
    counts, inputs = [], []
    for draw in donor_draws(batch, panel=panel, gates=gates):
        path = layout.count_file(results, draw)
        counts.append(read_record(path, DrawCount))
        inputs.append(describe_input(draw, path))
    return counts, inputs


def _read_earlier(
    batch: Batch, directory: Path, *, panel: str, gates: str
) -> tuple[list[DonorCount], list[InputFile], list[str]]:
    """Return the donors of earlier batches that were measured in the same way."""
    donors: list[DonorCount] = []
    inputs: list[InputFile] = []
    notes: list[str] = []
    for file in batch.settings.limits:
        found = read_record(directory / file, Limits)
        problem = _compare(batch, found, panel=panel, gates=gates)
        if problem is not None:
            notes.append(f"{file} is not used: {problem}")
            continue
        inputs.append(describe_input(file, directory / file))
        donors += [d.model_copy(update={"source": d.source or file}) for d in found.donors]
        if found.software_version != software_version():
            notes.append(f"{file} was counted by chc_gating {found.software_version}")
    return donors, inputs, notes


def _compare(batch: Batch, found: Limits, *, panel: str, gates: str) -> str | None:
    if found.panel_hash != hash_measuring_panel(batch.panels[panel], batch.directory):
        return f"its panel ({found.panel}), or its spillover table, is not the same as {panel}"
    if found.gates_hash != hash_gates(batch.gates[gates]):
        return f"its gates ({found.gates}) are not the same as {gates}"
    if batch.panels[panel].modality == "image":
        for name in ("ring_um", "focus_drop"):
            there, here = found.parameters.get(name), getattr(batch.settings, name)
            if there != here:
                return f"its settings.{name} is {there}, not {here}"
    return None


def _build_limits(
    batch: Batch,
    found: FoundDonors,
    *,
    names: tuple[str, str, str | None],
    inputs: Sequence[InputFile],
    notes: Sequence[str],
) -> Limits:
    panel, gates, lot = names
    settings = batch.settings
    lots = assess_lots(
        found.donors, exposure=settings.background_exposure, min_donors=settings.min_donors
    )
    basis = find_basis(lot, lots, min_donors=settings.min_donors)
    return Limits(
        software_version=software_version(),
        inputs=tuple(inputs),
        parameters={
            "min_donors": settings.min_donors,
            "ring_um": settings.ring_um,
            "focus_drop": settings.focus_drop,
            "bootstrap_replicates": REPLICATES,
            "bootstrap_seed": SEED,
        },
        panel=panel,
        gates=gates,
        lot=lot,
        panel_hash=hash_measuring_panel(batch.panels[panel], batch.directory),
        gates_hash=hash_gates(batch.gates[gates]),
        background_exposure=settings.background_exposure,
        status="not_assessable" if basis.name == "none" else "assessed",
        reason=basis.reason,
        basis=basis.name,
        lots=lots,
        donors=found.donors,
        left_out=found.left_out,
        notes=(*notes, *([basis.note] if basis.note else [])),
    )
