"""The raw files of a batch: whether their headers hold what panels, gates and rows need."""

from __future__ import annotations

from pathlib import Path

from chc_gating.batch.configuration import Assembly
from chc_gating.batch.contents import Batch
from chc_gating.batch.rows import Acquisition, Control
from chc_gating.errors import ChcError, ConfigError, Fault, RawFileError
from chc_gating.flow.fcs import FcsFile, open_fcs
from chc_gating.flow.repairs import split_harmless
from chc_gating.gating.file_channels import FileChannels
from chc_gating.model.control_cuts import CUT_CONTROLS
from chc_gating.model.gates import Cut, Gates
from chc_gating.model.panel import SPILLOVER_WORDS, Panel
from chc_gating.model.spillover import Spillover

_REMEDY = "correct the path, or copy the file again"


class FileCheck:
    """Opens every raw file of a batch once, headers only, and keeps what is wrong.

    faults : what fails in every file alike: spillover tables, and gates on their panel.
    file_faults : what is wrong inside one raw file, or that it is missing.
    """

    def __init__(self, found: Assembly, batch: Batch) -> None:
        self.faults: list[Fault] = []
        self.file_faults: list[Fault] = []
        self.warnings: list[str] = []
        self.facts: list[str] = []
        self._found = found
        self._batch = batch
        self._tables: dict[str, Spillover | None] = {}
        self._compiled: dict[tuple[object, ...], ChcError | None] = {}
        self._sound: dict[tuple[str, str], bool] = {}

    def run(self) -> None:
        """Check spillover tables, then the files of acquisitions and of controls."""
        for name, panel in self._batch.panels.items():
            self._tables[name] = self._read_spillover(name, panel)
        for line, row in self._found.rows(Acquisition):
            self._check_row(line, row, sheet="acquisitions", name=row.acquisition)
        for line, control in self._found.rows(Control):
            self._check_row(line, control, sheet="controls", name=control.control)

        for sheet, table in self._found.tables.items():
            valid = {line for line, _ in table.rows}
            for line, cells in table.texts:
                if line not in valid and "file" in cells:
                    self._find_file(cells["file"], line, sheet=sheet)

    def _find_file(self, file: str, line: int, *, sheet: str) -> Path | None:
        """Return the path of a cell's file, or note that it does not exist."""
        path = self._batch.directory / file
        if path.exists():
            return path
        hint = "; write folders with /, not \\" if "\\" in file else ""
        place = self._found.file(sheet)
        fault = Fault(place, "no such file", _REMEDY + hint, line, "file", file)
        self.file_faults.append(fault)
        return None

    def _read_spillover(self, name: str, panel: Panel) -> Spillover | None:
        path = self._batch.directory / panel.spillover
        if panel.spillover in SPILLOVER_WORDS or not path.is_file():
            return None
        from chc_gating.compensation import invert_spillover
        from chc_gating.compensation.table import read_spillover_csv

        shown = self._batch.panel_path(name).as_posix()
        try:
            table = read_spillover_csv(path)
            invert_spillover(table)
        except ConfigError as error:
            self.faults += error.faults
            return None
        except ChcError as error:
            self.faults.append(_fault(error, path, shown, None, "spillover", panel.spillover))
            return None
        strange = [channel for channel in table.channels if channel not in panel.channels]
        if strange:
            problem = f"the table names {', '.join(strange)}, which the panel does not"
            remedy = "name channels alike in both"
            self.faults.append(Fault(shown, problem, remedy, None, "spillover", panel.spillover))
        return table

    def _check_row(self, line: int, row: Acquisition | Control, *, sheet: str, name: str) -> None:
        panel = self._batch.panels.get(row.panel)
        path = self._find_file(row.file, line, sheet=sheet)
        if panel is None or path is None:
            return
        place = (self._found.file(sheet), line, "file", row.file)
        try:
            if panel.modality == "flow":
                fact = self._check_fcs(path, row, panel)
            else:
                fact = self._check_slide(path, row, panel, line=line)
        except ChcError as error:
            self.file_faults.append(_fault(error, path, *place))
        else:
            self.facts.append(f"{name}: {row.file}: {fact}")

    def _check_fcs(self, path: Path, row: Acquisition | Control, panel: Panel) -> str:
        fcs = open_fcs(path)
        gates = self._sound_gates(row) if isinstance(row, Acquisition) else None
        if gates is None:
            markers = panel.markers.values()
            FileChannels(panel, channels=fcs.channels, labels=fcs.markers).require(markers)
        elif isinstance(row, Acquisition):
            self._compile(fcs, row, panel=panel, gates=gates)
            self._warn_of_absent(fcs, row, panel)
        if fcs.event_count == 0:
            self.warnings.append(f"{row.file}: holds no event")
        harmless, odd = split_harmless(fcs.repairs)
        self.warnings += [f"{row.file}: repaired on reading: {text}" for text in odd]
        read = f"FCS {fcs.version}, {fcs.event_count:,} events, {len(fcs.channels)} channels"
        return "; ".join((read, *harmless))

    def _sound_gates(self, row: Acquisition) -> Gates | None:
        """Return a row's gates, None where they or the table of their panel are at fault.

        Such gates are told by their own line; compiling them would blame every file for it.
        """
        pair = (row.panel, row.gates)
        file, panel = self._found.gates.get(row.gates), self._batch.panels[row.panel]
        if pair not in self._sound:
            self._sound[pair] = file is not None and not (file.faults or file.check_against(panel))
        beads = row.bead_population
        if file is None or file.gates is None or not self._sound[pair]:
            return None
        return None if beads is not None and beads not in file.gates.populations else file.gates

    def _compile(self, fcs: FcsFile, row: Acquisition, *, panel: Panel, gates: Gates) -> None:
        """Raise what is wrong with this file; note what is wrong with the gates on any file."""
        from chc_gating.compensation.keyword import KEYWORDS

        matrix = tuple(fcs.keywords.get(key) for key in KEYWORDS)
        own = fcs.path.name if gates.awaits_sample else None
        key = (row.panel, row.gates, row.bead_population, fcs.channels, fcs.markers, matrix, own)
        if key not in self._compiled:
            self._compiled[key] = self._try_plan(fcs, row, panel=panel, gates=gates)
        problem = self._compiled[key]
        if isinstance(problem, RawFileError):
            raise problem
        if problem is not None:
            shown = self._batch.gates_path(row.gates).as_posix()
            self.faults.append(Fault(shown, str(problem), f"correct it, or panel {row.panel}"))

    def _try_plan(
        self, fcs: FcsFile, row: Acquisition, *, panel: Panel, gates: Gates
    ) -> ChcError | None:
        """Return what fails when the gates are compiled for this file: a run would fail alike."""
        from chc_gating.gating.compile import compile_gates
        from chc_gating.stages.flowjo import choose_sample, rename_in_sample
        from chc_gating.stages.spillover import find_file_spillover, resolve_spillover

        channels, labels = fcs.channels, fcs.markers
        spillover = self._tables[row.panel]
        try:
            beads = rename_in_sample(row.bead_population, gates, fcs)
            imported = choose_sample(gates, fcs)
            self.warnings += [f"{row.file}: {note}" for note in imported.notes]
            if imported.spillover is not None:
                spillover = imported.spillover
            elif panel.spillover == "keyword":
                spillover = resolve_spillover(
                    panel, table=None, keywords=fcs.keywords, channels=channels, labels=labels
                )
            compile_gates(
                panel,
                _fix_control_cuts(imported.gates),
                channels=channels,
                labels=labels,
                spillover=spillover,
                bead_population=beads,
                file_spillover=find_file_spillover(
                    imported.gates, keywords=fcs.keywords, channels=channels, labels=labels
                ),
            )
        except ChcError as error:
            return error
        return None

    def _warn_of_absent(self, fcs: FcsFile, row: Acquisition, panel: Panel) -> None:
        finder = FileChannels(panel, channels=fcs.channels, labels=fcs.markers)
        absent = [name for name in panel.channels if finder.find(name) is None]
        if absent:
            self.warnings.append(
                f"{row.file}: has no {', '.join(absent)}, which panel {row.panel} lists and no "
                "gate or marker needs"
            )

    def _check_slide(
        self, path: Path, row: Acquisition | Control, panel: Panel, *, line: int
    ) -> str:
        from chc_gating.imaging.tile_source import is_tile_source

        if isinstance(row, Acquisition) and (row.camera_tile_px or is_tile_source(path)):
            return self._check_tiles(path, row, panel)
        return self._check_image(path, row, panel, line=line)

    def _check_tiles(self, path: Path, row: Acquisition, panel: Panel) -> str:
        from chc_gating.stages.stitch import check_tiles

        found = check_tiles(path, row, panel)
        self.warnings += [f"{row.file}: {text}" for text in found.repairs]
        count = sum(len(cycle.tiles) for cycle in found.cycles)
        return (
            f"{count} raw tiles of {found.shape[1]:,} x {found.shape[0]:,} px of "
            f"{found.pixel_size_um:g} um in {len(found.cycles)} cycle(s), channels "
            f"{', '.join(found.channels)}"
        )

    def _check_image(
        self, path: Path, row: Acquisition | Control, panel: Panel, *, line: int
    ) -> str:
        from chc_gating.imaging.slide import open_slide

        image, pixel_size_um = 0, None
        if isinstance(row, Acquisition) or row.kind in CUT_CONTROLS:
            image, pixel_size_um = row.image, row.pixel_size_um
        with open_slide(
            path, image=image, pixel_size_um=pixel_size_um, channel_names=panel.channel_names
        ) as slide:
            slide.find_channels(tuple(panel.channels), panel=panel.name)
            if isinstance(row, Acquisition) and row.labels is not None:
                self._check_labels(row.labels, slide.shape, line=line)
        self.warnings += [f"{row.file}: {text}" for text in slide.repairs]
        height, width = slide.shape
        return (
            f"{width:,} x {height:,} px of {slide.pixel_size_um:g} um, "
            f"channels {', '.join(slide.channels)}"
        )

    def _check_labels(self, labels: str, shape: tuple[int, int], *, line: int) -> None:
        """Note what is wrong with the label image of a slide."""
        from chc_gating.imaging.label_image import LabelImageFile

        path = self._batch.directory / labels
        try:
            LabelImageFile(path, shape=shape).close()
        except RawFileError as error:
            place = (self._found.file("acquisitions"), line, "labels", labels)
            self.file_faults.append(_fault(error, path, *place))


def _fix_control_cuts(gates: Gates) -> Gates:
    """Return gates whose cuts from controls are some number, so that they compile before a run."""
    fixed = {marker: Cut(fixed=0.0) for marker in gates.control_cuts}
    return gates.model_copy(update={"cuts": {**gates.cuts, **fixed}})


def _fault(
    error: ChcError, path: Path, file: str, row: int | None, column: str, value: str
) -> Fault:
    """Return an error inside a raw file as a fault of the cell that names the file."""
    text = str(error).removeprefix(f"{path}: ")
    problem, separator, remedy = text.rpartition("; ")
    return (
        Fault(file, problem, remedy, row, column, value)
        if separator
        else Fault(file, text, _REMEDY, row, column, value)
    )
