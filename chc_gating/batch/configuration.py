"""A batch from its config.yaml: sheets, panels and gates, with all their faults at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

from chc_gating.batch import (
    control_rules,
    cross_rules,
    replicate_rules,
    row_rules,
    segmentation_rules,
)
from chc_gating.batch.contents import Batch
from chc_gating.batch.documents import Document, read_document
from chc_gating.batch.gates import GatesFile, read_gates
from chc_gating.batch.panels import check_spillover_file, read_panel
from chc_gating.batch.rows import Acquisition, Biomarker, ClinicalEvent, Control, Draw, Row
from chc_gating.batch.settings import Configuration
from chc_gating.batch.sheets import read_sheet
from chc_gating.batch.tables import Keep, Table, read_table
from chc_gating.batch.validation import validate_document
from chc_gating.errors import ConfigError, Fault
from chc_gating.model.panel import Panel

RowType = TypeVar("RowType", bound=Row)

DEFAULT_CONFIG = Path("config/config.yaml")
"""The configuration of a run that names none, from the batch's folder."""

__all__ = ["DEFAULT_CONFIG", "SHEETS", "Assembly", "Batch", "assemble_batch", "load_batch"]

SHEETS: dict[str, type[Row]] = {
    "draws": Draw,
    "acquisitions": Acquisition,
    "controls": Control,
    "biomarkers": Biomarker,
    "clinical_events": ClinicalEvent,
}
"""The sheets by their key in config.yaml."""


def load_batch(
    config_path: Path,
    *,
    directory: Path = Path(),
    only_draw: str | None = None,
    only_patient: str | None = None,
) -> Batch:
    """Return the batch of a config.yaml; paths in it are relative to ``directory``.

    Raw files are not read. With ``only_draw`` only the rows of that draw, and of spike
    draws, are read and checked: for the many jobs of a batch that was checked as a whole. With
    ``only_patient`` likewise the rows of that patient in every sheet.

    Raises ConfigError with every fault of the configuration, sheets, panels and gates.
    """
    assembly = assemble_batch(
        config_path, directory=directory, only_draw=only_draw, only_patient=only_patient
    )
    if assembly.batch is None or assembly.faults:
        raise ConfigError(list(dict.fromkeys(assembly.faults)))
    return assembly.batch


@dataclass
class Assembly:
    """What could be read of a batch: its valid rows, and everything that is wrong.

    ``batch`` is None where config.yaml itself cannot be read; ``tables`` know the lines.
    """

    batch: Batch | None = None
    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    tables: dict[str, Table[Row]] = field(default_factory=dict)
    panels: dict[str, Panel] = field(default_factory=dict)
    gates: dict[str, GatesFile] = field(default_factory=dict)

    def rows(self, record: type[RowType]) -> list[tuple[int, RowType]]:
        """Return the valid rows of a sheet with their lines; [] where there is no such sheet."""
        sheet = next(name for name, kind in SHEETS.items() if kind is record)
        return (
            cast("list[tuple[int, RowType]]", self.tables[sheet].rows)
            if (sheet in self.tables)
            else []
        )

    def file(self, sheet: str) -> str:
        """Return a sheet's path as messages show it."""
        return self.tables[sheet].file if sheet in self.tables else sheet


def assemble_batch(
    config_path: Path,
    *,
    directory: Path = Path(),
    only_draw: str | None = None,
    only_patient: str | None = None,
) -> Assembly:
    """Read a batch as far as it can be read, and keep all its faults."""
    found = Assembly()
    config_path, directory = Path(config_path), Path(directory)
    config = _read_configuration(config_path, directory, found)
    if config is None:
        return found
    if only_draw is not None:
        wanted = _Wanted(_NOT_FOR_ONE_DRAW, lambda: _keep_draw(only_draw, found))
    elif only_patient is not None:
        wanted = _Wanted(("controls",), lambda: _keep_patient(only_patient, found))
    else:
        wanted = _Wanted()
    _read_sheets(config, directory=directory, wanted=wanted, found=found)
    if only_draw is not None and "draws" in found.tables:
        known = [cells.get("draw") for _, cells in found.tables["draws"].texts]
        if only_draw not in known:
            remedy = "add it, or name a draw of the sheet"
            found.faults.append(
                Fault(found.file("draws"), "no such draw", remedy, None, "draw", only_draw)
            )
    _read_panels(config.panels, directory, found)
    _read_gates(config.gates, directory, found)
    _check_rows(found, directory)
    if "controls" not in wanted.left_out:
        _check_cut_controls(config, found)
    found.batch = Batch(
        config_path=config_path,
        directory=directory,
        settings=config.settings,
        draws={row.draw: row for _, row in found.rows(Draw)},
        acquisitions={row.acquisition: row for _, row in found.rows(Acquisition)},
        controls={row.control: row for _, row in found.rows(Control)},
        biomarkers=tuple(row for _, row in found.rows(Biomarker)),
        clinical_events=tuple(row for _, row in found.rows(ClinicalEvent)),
        panels=found.panels,
        gates={n: f.gates for n, f in found.gates.items() if f.gates is not None},
        panels_folder=Path(config.panels),
        gates_folder=Path(config.gates),
        results_folder=Path(config.results),
        warnings=tuple(found.warnings),
    )
    return found


def _read_configuration(path: Path, directory: Path, found: Assembly) -> Configuration | None:
    """Return the configuration; with a faulty key left out, so that its sheets are read too."""
    if not path.exists():
        found.faults.append(Fault(str(path), "no such configuration file", _NAME_CONFIG))
        return None
    try:
        document = read_document(path)
    except ConfigError as error:
        found.faults += error.faults
        return None
    config, faults = validate_document(document, Configuration)
    found.faults += faults
    if config is None and not {fault.column for fault in faults} & _LOCALE:
        config, _ = validate_document(_without_faults(document, faults), Configuration)
    if config is not None:
        found.faults += _check_limits(document, config, directory)
    return config


_NAME_CONFIG = (
    "go to the batch's folder, or name the file (snakemake: --configfile) and the folder that its "
    "paths start at (--directory)"
)


def _check_limits(document: Document, config: Configuration, directory: Path) -> list[Fault]:
    """Return a fault for every limits.json of an earlier batch that is absent, or not earlier."""
    results = (directory / config.results).resolve()
    remedy = "copy the earlier batch's limits.json into this batch's folder, and name it"
    faults = []
    for file in config.settings.limits:
        path = directory / file
        own = path.resolve().is_relative_to(results)
        problem = "lies in this batch's own results" if own else "no such file"
        if own or not path.is_file():
            faults.append(document.fault(("settings", "limits"), problem, remedy, file))
    return faults


_LOCALE = frozenset({"settings", "settings.decimal", "settings.date_format"})
"""Where one of these is at fault, every cell would be misjudged: sheets are not read."""


def _without_faults(document: Document, faults: list[Fault]) -> Document:
    bad = {fault.column for fault in faults}
    settings = document.data.get("settings") or {}
    data = {key: value for key, value in document.data.items() if key not in bad}
    data["settings"] = {k: v for k, v in settings.items() if f"settings.{k}" not in bad}
    return Document(document.file, data, document.root)


@dataclass(frozen=True)
class _Wanted:
    """Which sheets are left out, and what rows of the others are kept, asked sheet by sheet."""

    left_out: tuple[str, ...] = ()
    find_keep: Callable[[], Keep | None] = lambda: None


def _read_sheets(
    config: Configuration, *, directory: Path, wanted: _Wanted, found: Assembly
) -> None:
    for name, record in SHEETS.items():
        path = getattr(config, name)
        if path is None or name in wanted.left_out:
            continue
        keep = wanted.find_keep()
        try:
            sheet = read_sheet(directory / path, shown=path)
        except ConfigError as error:
            found.faults += error.faults
            continue
        table: Table[Row] = read_table(sheet, record, config.settings, keep=keep)
        found.tables[name] = table
        found.faults += table.faults
        found.warnings += table.warnings
        if not sheet.rows and name in ("draws", "acquisitions"):
            remedy = "fill in a row below the names of the columns"
            found.faults.append(Fault(sheet.file, "has no row", remedy))


_NOT_FOR_ONE_DRAW = ("controls", "biomarkers", "clinical_events")


def _keep_draw(draw_id: str, found: Assembly) -> Keep:
    """Keep the rows of one draw, and of spike draws: a draw's recovery may come from them."""
    texts = found.tables["draws"].texts if "draws" in found.tables else []
    wanted = {draw_id} | {cells.get("draw", "") for _, cells in texts}
    return lambda cells: cells.get("cohort") == "spike" or cells.get("draw") in wanted


def _keep_patient(patient: str, found: Assembly) -> Keep:
    """Keep the rows of one patient, and the acquisitions of its draws."""
    texts = found.tables["draws"].texts if "draws" in found.tables else []
    draws = {cells.get("draw", "") for _, cells in texts}
    return lambda cells: cells.get("patient") == patient or cells.get("draw") in draws


def _used(found: Assembly, column: str) -> list[str]:
    """Return the names of panels or gates that rows use, in order, once each."""
    tables = [found.tables[name] for name in ("acquisitions", "controls") if name in found.tables]
    names = [cells[column] for table in tables for _, cells in table.texts if column in cells]
    return list(dict.fromkeys(names))


def _list_names(folder: str, directory: Path, *, column: str, found: Assembly) -> set[str]:
    """Return the names in a folder of YAML files; note the uses that it does not hold."""
    if not (directory / folder).is_dir():
        remedy = "make it, or correct its path in the configuration"
        found.faults.append(Fault(folder, "no such folder", remedy))
        return set()
    names = {path.stem for path in (directory / folder).glob("*.yaml")}
    found.faults += cross_rules.check_names(found.tables, names, column=column, folder=folder)
    return names


def _read_panels(folder: str, directory: Path, found: Assembly) -> None:
    names = _list_names(folder, directory, column="panel", found=found)
    for name in _used(found, "panel"):
        if name not in names:
            continue
        shown = f"{folder}/{name}.yaml"
        panel, faults = read_panel(directory / shown, shown=shown)
        found.faults += faults
        if panel is not None:
            found.panels[name] = panel
            found.faults += check_spillover_file(panel, file=shown, directory=directory)
            found.faults += segmentation_rules.check_weights(panel, file=shown, directory=directory)


def _read_gates(folder: str, directory: Path, found: Assembly) -> None:
    names = _list_names(folder, directory, column="gates", found=found)
    for name in _used(found, "gates"):
        if name in names:
            shown = f"{folder}/{name}.yaml"
            found.gates[name] = read_gates(directory / shown, shown=shown)
            found.faults += found.gates[name].faults
            found.warnings += found.gates[name].warnings()
    pairs = dict.fromkeys((row.panel, row.gates) for _, row in found.rows(Acquisition))
    for panel, gates in pairs:
        if gates in found.gates:
            found.faults += found.gates[gates].check_against(found.panels.get(panel))
    checked = {gates for _, gates in pairs}
    for name, file in found.gates.items():
        if name not in checked:
            found.faults += file.check_against(None)


def _check_cut_controls(config: Configuration, found: Assembly) -> None:
    if config.controls is not None and (
        "controls" not in found.tables or found.tables["controls"].faults
    ):
        return  # the sheet is at fault, which is said already
    found.faults += control_rules.check_cut_controls(
        found.rows(Acquisition),
        found.file("acquisitions"),
        controls=[row for _, row in found.rows(Control)],
        sheet=config.controls or "the sheet of controls, which config.yaml does not name,",
        gates={n: f.gates for n, f in found.gates.items() if f.gates is not None},
    )


def _check_rows(found: Assembly, directory: Path) -> None:
    draws, acquisitions = found.rows(Draw), found.rows(Acquisition)
    controls, events = found.rows(Control), found.rows(ClinicalEvent)
    file = found.file("acquisitions")
    gates = {n: f.gates for n, f in found.gates.items() if f.gates is not None}
    found.faults += cross_rules.check_ids(found.tables)
    found.faults += row_rules.check_draws(draws, found.file("draws"))
    found.faults += row_rules.check_acquisitions(acquisitions, file)
    found.faults += cross_rules.check_uses(
        acquisitions, file, directory=directory, panels=found.panels, gates=gates
    )
    found.faults += segmentation_rules.check_labels(acquisitions, file, found.panels)
    found.faults += replicate_rules.check_replicates(acquisitions, file)
    found.faults += row_rules.check_controls(controls, found.file("controls"))
    found.warnings += cross_rules.warn_of_control_markers(
        controls, found.file("controls"), found.panels
    )
    found.warnings += row_rules.warn_of_controls(
        controls, found.file("controls"), panels=found.panels
    )
    found.faults += row_rules.check_clinical_events(events, found.file("clinical_events"))
    found.warnings += row_rules.warn_of_draws(draws, found.file("draws"))
    found.warnings += row_rules.warn_of_acquisitions(acquisitions, file)
    found.warnings += row_rules.warn_of_volumes(
        acquisitions, file, draws={row.draw: row for _, row in draws}
    )
    found.warnings += cross_rules.warn_of_empty_draws(found.tables)
