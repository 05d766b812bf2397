"""What the Snakefile asks of a batch: files, options and parameters of every job.

Everything here is plain text and paths, so that it can be tested without Snakemake, and
nothing heavy is imported, since Snakemake parses the Snakefile at every start and in every
submitted job.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol

from chc_gating.batch import layout
from chc_gating.batch.configuration import Batch, load_batch
from chc_gating.batch.fingerprints import hash_gates, hash_panel
from chc_gating.batch.rows import Acquisition, Control
from chc_gating.counting.limit_sources import donor_draws, limit_keys
from chc_gating.counting.recovery_sources import recovery_draws, recovery_sources
from chc_gating.errors import ChcError
from chc_gating.imaging.tile_source import is_tile_source, source_files
from chc_gating.model.panel import SPILLOVER_WORDS
from chc_gating.model.segmentation import SegmentationChoice
from chc_gating.monitoring.rules import MonitorRules

MONITOR_SETTINGS = tuple(field.name for field in fields(MonitorRules))
DEFAULT_CONFIG = "config/config.yaml"
LIMIT_SETTINGS = ("min_donors", "background_exposure", "limits")
JUDGING_SETTINGS = ("loq_cv",)


class Wildcards(Protocol):
    """The wildcards of a job, as Snakemake hands them to an input function."""

    acquisition: str
    control_set: str
    draw: str
    panel: str
    gates: str
    lot: str
    patient: str


def plan_workflow(
    *, configfiles: Sequence[str | Path], overrides: Mapping[str, object]
) -> WorkflowPlan:
    """Load the batch for a run of Snakemake; on faults print them all and exit with code 2.

    ``configfiles`` are the files of ``--configfile`` (the last one is the batch's), and
    ``overrides`` what was given with ``--config``, which is refused: the stages read the file.
    """
    try:
        if overrides:
            raise ChcError(
                f"--config {', '.join(overrides)}: settings are changed in the configuration file, "
                "so that every result says what made it; edit it, or name another with --configfile"
            )
        path = Path(configfiles[-1]) if configfiles else Path(DEFAULT_CONFIG)
        return WorkflowPlan(path, load_batch(path))
    except ChcError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def _control_set(row: Acquisition) -> str | None:
    """Return the controls that an acquisition uses: its own set, else its lot's."""
    return row.control_set if row.control_set is not None else row.lot


def _one_of(ids: Iterable[str]) -> str:
    """Return a pattern that matches one of the ids; one that matches nothing for no ids."""
    return "|".join(re.escape(name) for name in sorted(ids)) or "(?!)"


@dataclass(frozen=True)
class WorkflowPlan:
    """A batch as the rules see it; every method takes the wildcards of a job."""

    config_path: Path
    batch: Batch

    @property
    def results(self) -> str:
        """The folder of results."""
        return self.batch.results_folder.as_posix()

    def shell_prefix(self, *, basedir: str | Path, conda: bool) -> str:
        """Return shell text that defines `chc`: the interpreter of this run, this checkout.

        Under ``--sdm conda`` it is the environment's own ``python``. The checkout comes first
        on PYTHONPATH, so that the rules and the package are always of one version. Braces are
        doubled because Snakemake formats the prefix.
        """
        python = "python" if conda else shlex.quote(sys.executable)
        checkout = shlex.quote(str(basedir))
        prefix = (
            "set -euo pipefail; "
            f"chc() {{ PYTHONPATH={checkout}${{PYTHONPATH:+:$PYTHONPATH}} {python} "
            '-m chc_gating.cli "$@"; }; '
        )
        return prefix.replace("{", "{{").replace("}", "}}")

    @property
    def draw_pattern(self) -> str:
        """A pattern that matches the ids of this batch's draws only."""
        return _one_of(self.batch.draws)

    @property
    def patients(self) -> list[str]:
        """The patients (cohort patient) of this batch, in order."""
        rows = self.batch.draws.values()
        return list(dict.fromkeys(row.patient for row in rows if row.cohort == "patient"))

    @property
    def patient_pattern(self) -> str:
        """A pattern that matches the ids of this batch's patients only."""
        return _one_of(self.patients)

    @property
    def flow_pattern(self) -> str:
        """A pattern that matches the ids of FCS acquisitions only."""
        return _one_of(self.batch.acquisition_ids("flow"))

    @property
    def image_pattern(self) -> str:
        """A pattern that matches the ids of slides only."""
        return _one_of(self.batch.acquisition_ids("image"))

    def _row(self, wildcards: Wildcards) -> Acquisition:
        return self.batch.acquisitions[wildcards.acquisition]

    def raw_file(self, wildcards: Wildcards) -> str:
        """Return the raw file of an acquisition, whether it exists or not."""
        return self._row(wildcards).file

    def existing_raw_file(self, wildcards: Wildcards) -> list[str]:
        """Return the raw file if it exists: a missing one is a result, not a failed run.

        Of a slide that is a folder, the folder and the files that lie directly in it: the TIFFs of
        its channels, or the metadata of a zarr store (a chunk that changes is not seen).
        """
        path = Path(self.raw_file(wildcards))
        if path.is_dir():
            files = sorted(file.as_posix() for file in path.iterdir() if file.is_file())
            return [path.as_posix(), *files]
        return [self.raw_file(wildcards)] if path.is_file() else []

    def _is_stitched(self, wildcards: Wildcards) -> bool:
        """Whether a slide is raw tiles, which `chc stitch` makes one image of."""
        row = self._row(wildcards)
        return row.camera_tile_px is not None or is_tile_source(Path(row.file))

    def existing_tile_files(self, wildcards: Wildcards) -> list[str]:
        """Return the files that an acquisition's raw tiles consist of, those that exist."""
        if self._row(wildcards).camera_tile_px is not None:
            return self.existing_raw_file(wildcards)
        path = Path(self.raw_file(wildcards))
        return [file.as_posix() for file in source_files(path) if file.is_file()]

    def _stitched(self, wildcards: Wildcards, file: str) -> str:
        folder = layout.acquisition_folder(self.batch.results_folder, wildcards.acquisition)
        return (folder / file).as_posix()

    def slide_file(self, wildcards: Wildcards) -> str:
        """Return the slide that is segmented and measured: the stitched one, or the raw file."""
        if self._is_stitched(wildcards):
            return self._stitched(wildcards, layout.STITCHED_SLIDE)
        return self.raw_file(wildcards)

    def existing_slide(self, wildcards: Wildcards) -> list[str]:
        """Return the slide as an input: what `stitch` makes, or the raw file if it exists."""
        if self._is_stitched(wildcards):
            return [self._stitched(wildcards, file) for file in layout.STITCH_FILES]
        return self.existing_raw_file(wildcards)

    def stitch_options(self, wildcards: Wildcards) -> str:
        """Return the options of `chc stitch` that come from the acquisition's row."""
        row = self._row(wildcards)
        words = [*self._opening(row), "--flat-field", row.flat_field]
        if row.camera_tile_px is not None:
            words += ["--camera-tile-px", row.camera_tile_px]
        if row.dark_level is not None:
            words += ["--dark-level", repr(row.dark_level)]
        return shlex.join(words)

    def panel_file(self, wildcards: Wildcards) -> str:
        """Return the panel file of an acquisition."""
        return self.batch.panel_path(self._row(wildcards).panel).as_posix()

    def panel_file_of_panel(self, wildcards: Wildcards) -> str:
        """Return the file of the panel that the wildcard names."""
        return self.batch.panel_path(wildcards.panel).as_posix()

    def gates_file(self, wildcards: Wildcards) -> str:
        """Return the gates file of an acquisition."""
        return self.batch.gates_path(self._row(wildcards).gates).as_posix()

    def gates_source(self, wildcards: Wildcards) -> list[str]:
        """Return the other program's file that an acquisition's gates come from, if any."""
        gates = self.batch.gates[self.batch.acquisitions[wildcards.acquisition].gates]
        if gates.file is None:
            return []
        return [(self.batch.gates_folder / gates.file).as_posix()]

    def acquisition_folder(self, wildcards: Wildcards) -> str:
        """Return the folder of an acquisition's results."""
        root = self.batch.results_folder
        return layout.acquisition_folder(root, wildcards.acquisition).as_posix()

    def spillover_table(self, wildcards: Wildcards) -> str:
        """Return the table that a panel takes its spillover from."""
        return self.batch.panels[wildcards.panel].spillover

    def spillover_files(self, wildcards: Wildcards) -> list[str]:
        """Return the spillover result that an acquisition needs: none unless from a table."""
        row = self._row(wildcards)
        source = self.batch.panels[row.panel].spillover
        if source in SPILLOVER_WORDS and source != "controls":
            return []
        group = _control_set(row) if source == "controls" else None
        return [layout.spillover_file(self.batch.results_folder, row.panel, group).as_posix()]

    def _panels_by(self, *, controls: bool) -> str:
        panels = self.batch.panels.items()
        return _one_of(name for name, p in panels if (p.spillover == "controls") == controls)

    @property
    def table_panel_pattern(self) -> str:
        """A pattern that matches the panels whose spillover is not from controls."""
        return self._panels_by(controls=False)

    @property
    def control_panel_pattern(self) -> str:
        """A pattern that matches the panels whose spillover is from controls."""
        return self._panels_by(controls=True)

    def _single_stains(self, wildcards: Wildcards) -> list[Control]:
        return [
            row
            for row in self.batch.controls.values()
            if row.kind == "single_stain"
            and row.panel == wildcards.panel
            and layout.name_lot(row.control_set) == wildcards.control_set
        ]

    def existing_single_stains(self, wildcards: Wildcards) -> list[str]:
        """Return the single-stained slides of a panel and control set that exist."""
        files = (Path(row.file) for row in self._single_stains(wildcards))
        return [file.as_posix() for file in files if file.is_file()]

    def single_stain_options(self, wildcards: Wildcards) -> str:
        """Return the options of `chc spillover` that name the single-stained slides."""
        words = []
        for row in self._single_stains(wildcards):
            words += ["--single-stain", f"{row.marker}={row.file}"]
        return shlex.join(words)

    def _spillover_option(self, wildcards: Wildcards) -> list[str]:
        return [word for path in self.spillover_files(wildcards) for word in ("--spillover", path)]

    def gate_flow_options(self, wildcards: Wildcards) -> str:
        """Return the options of `chc gate-flow` that come from the acquisition's row."""
        row = self._row(wildcards)
        words = self._spillover_option(wildcards)
        if row.bead_population is not None:
            words += ["--bead-population", row.bead_population]
        return shlex.join(words)

    def _opening_options(self, wildcards: Wildcards) -> list[str]:
        """Return how to open a slide, its index and pixel size; a stitched one says both itself."""
        return [] if self._is_stitched(wildcards) else self._opening(self._row(wildcards))

    @staticmethod
    def _opening(row: Acquisition) -> list[str]:
        words = ["--image", str(row.image)]
        if row.pixel_size_um is not None:
            words += ["--pixel-size-um", repr(row.pixel_size_um)]
        return words

    def _label_image(self, wildcards: Wildcards) -> str | None:
        """Return the label image that a slide's nuclei come from, if its panel says so."""
        row = self._row(wildcards)
        choice = self.batch.panels[row.panel].segmentation
        if choice is not None and choice.method == "external":
            return (Path(self.acquisition_folder(wildcards)) / layout.EXTERNAL_LABELS).as_posix()
        return row.labels

    def segment_labels(self, wildcards: Wildcards) -> list[str]:
        """Return the label image that a segmentation needs; a missing one of a sheet is a result.

        A missing raw file is a result too, and no tool has to look at it.
        """
        path = self._label_image(wildcards)
        if path is None or not self.existing_slide(wildcards):
            return []
        return [] if path == self._row(wildcards).labels and not Path(path).is_file() else [path]

    def segment_options(self, wildcards: Wildcards) -> str:
        """Return the options of `chc segment`: how to open a slide, and its label image, if any."""
        words = self._opening_options(wildcards)
        if self._is_stitched(wildcards):
            words = ["--stitching", self._stitched(wildcards, layout.STITCHING)]
        path = self._label_image(wildcards)
        labels = [] if path is None else ["--labels-from", path]
        return shlex.join([*words, *labels])

    def _external_choice(self, wildcards: Wildcards) -> SegmentationChoice:
        choice = self.batch.panels[self._row(wildcards).panel].segmentation
        if choice is None or choice.tool is None or choice.weights is None:
            raise ChcError(f"{wildcards.acquisition}: its panel names no tool for its nuclei")
        return choice

    def external_pattern(self, tool: str) -> str:
        """Return a pattern that matches the slides whose panels name this tool, and no other."""
        names = []
        for name in self.batch.acquisition_ids("image"):
            choice = self.batch.panels[self.batch.acquisitions[name].panel].segmentation
            if choice is not None and choice.tool == tool:
                names.append(name)
        return _one_of(names)

    def weights(self, wildcards: Wildcards) -> str:
        """Return the weights of the tool that finds a slide's nuclei."""
        return str(self._external_choice(wildcards).weights)

    def external_options(self, wildcards: Wildcards) -> str:
        """Return the options of the script that runs a tool of others on a slide."""
        panel = self.batch.panels[self._row(wildcards).panel]
        choice = self._external_choice(wildcards)
        words = ["--tool", str(choice.tool), "--channel", panel.channels_with_role("dna")[0]]
        words += ["--nucleus-um", repr(choice.nucleus_um), *self._opening_options(wildcards)]
        for name in panel.channel_names or ():
            words += ["--channel-name", name]
        return shlex.join(words)

    @property
    def measure_options(self) -> str:
        """The options of `chc measure` that come from the settings."""
        settings = self.batch.settings
        return shlex.join(
            ["--ring-um", repr(settings.ring_um), "--focus-drop", repr(settings.focus_drop)]
        )

    def gate_image_options(self, wildcards: Wildcards) -> str:
        """Return the options of `chc gate-image`."""
        settings = ["--control-crops", str(self.batch.settings.control_crops)]
        return shlex.join([*self._spillover_option(wildcards), *settings])

    def _acquisition_results(self, names: Iterable[str], file: str) -> list[str]:
        root = self.batch.results_folder
        return [(layout.acquisition_folder(root, name) / file).as_posix() for name in names]

    def _acquisitions_of(self, draw: str) -> list[str]:
        return [row.acquisition for row in self.batch.acquisitions_of(draw)]

    def count_inputs(self, wildcards: Wildcards) -> list[str]:
        """Return the results that a draw is counted from, its recovery's draws included."""
        own = self._acquisitions_of(wildcards.draw)
        spikes = recovery_sources(self.batch, wildcards.draw)
        return self._acquisition_results(dict.fromkeys([*own, *spikes]), "populations.json")

    def report_inputs(self, wildcards: Wildcards) -> list[str]:
        """Return the results that a draw's page shows."""
        paths: list[str] = []
        for row in self.batch.acquisitions_of(wildcards.draw):
            files = layout.FLOW_FILES if row.modality == "flow" else layout.SLIDE_PAGE_FILES
            for file in files:
                paths += self._acquisition_results([row.acquisition], file)
        return paths

    def limits_of_draw(self, wildcards: Wildcards) -> list[str]:
        """Return the limits that a draw's page shows: none for donors and spike draws."""
        return self._limits_of([wildcards.draw])

    def all_limits(self, _wildcards: Wildcards) -> list[str]:
        """Return the limits of every panel, gates and lot that a patient's draw uses."""
        return self._limits_of(self.batch.draws)

    def _limits_of(self, draws: Iterable[str]) -> list[str]:
        keys = [key for draw in draws for key in limit_keys(self.batch, draw)]
        paths = (
            layout.limits_file(self.batch.results_folder, k.panel, gates=k.gates, lot=k.lot)
            for k in keys
        )
        return list(dict.fromkeys(path.as_posix() for path in paths))

    def donor_counts(self, wildcards: Wildcards) -> list[str]:
        """Return the counts of the healthy donors of a panel and gates."""
        root = self.batch.results_folder
        draws = donor_draws(self.batch, panel=wildcards.panel, gates=wildcards.gates)
        return [(layout.draw_folder(root, name) / "count.json").as_posix() for name in draws]

    @property
    def earlier_limits(self) -> list[str]:
        """The limits.json files of earlier batches."""
        return list(self.batch.settings.limits)

    def limits_facts(self, wildcards: Wildcards) -> str:
        """Return all that limits depend on beside donors' counts, as one text."""
        facts = {
            "panel": hash_panel(self.batch.panels[wildcards.panel]),
            "gates": hash_gates(self.batch.gates[wildcards.gates]),
            "settings": self._settings(only=(*LIMIT_SETTINGS, "ring_um", "focus_drop")),
        }
        return json.dumps(facts, sort_keys=True)

    def _settings(self, *, only: Iterable[str]) -> dict[str, object]:
        return self.batch.settings.model_dump(mode="json", include=set(only))

    @property
    def judging_settings(self) -> str:
        """The settings by which a page holds counts against limits."""
        return json.dumps(self._settings(only=JUDGING_SETTINGS), sort_keys=True)

    def draw_rows(self, wildcards: Wildcards) -> str:
        """Return all that a draw's count depends on beside its files, as one text.

        Settings of limits are no part of it: a count never depends on limits.
        It is a param and no input: an edited row re-runs its own draw only.
        """
        draws = (wildcards.draw, *recovery_draws(self.batch, wildcards.draw))
        facts = {
            "acquisitions": {
                row.acquisition: self.batch.row_params(row.acquisition)
                for draw in draws
                for row in self.batch.acquisitions_of(draw)
            },
            "draws": {draw: self.batch.draw_params(draw) for draw in draws},
            "settings": self.batch.settings.model_dump(
                mode="json", exclude={*LIMIT_SETTINGS, *JUDGING_SETTINGS, *MONITOR_SETTINGS}
            ),
        }
        return json.dumps(facts, sort_keys=True)

    def monitor_inputs(self, wildcards: Wildcards) -> list[str]:
        """Return the counts of a patient's draws."""
        root = self.batch.results_folder
        return [
            (layout.draw_folder(root, name) / "count.json").as_posix()
            for name, row in self.batch.draws.items()
            if row.patient == wildcards.patient
        ]

    def limits_of_patient(self, wildcards: Wildcards) -> list[str]:
        """Return the limits that a patient's page shows."""
        rows = self.batch.draws.items()
        return self._limits_of(name for name, row in rows if row.patient == wildcards.patient)

    def patient_rows(self, wildcards: Wildcards) -> str:
        """Return what a patient's page depends on beside the counts, as one text.

        It is a param and no input: an edited biomarker re-runs its own patient only.
        """
        facts = {
            "biomarkers": [
                row.cells() for row in self.batch.biomarkers if row.patient == wildcards.patient
            ],
            "clinical_events": [
                row.cells()
                for row in self.batch.clinical_events
                if row.patient == wildcards.patient
            ],
            "settings": self._settings(only=(*MONITOR_SETTINGS, *JUDGING_SETTINGS)),
        }
        return json.dumps(facts, sort_keys=True)

    def patient_folder(self, wildcards: Wildcards) -> str:
        """Return the folder of a patient's results."""
        return layout.patient_folder(self.batch.results_folder, wildcards.patient).as_posix()

    def _monitor_pages(self) -> list[str]:
        root = self.batch.results_folder
        return [
            (layout.patient_folder(root, name) / "monitor.html").as_posix()
            for name in self.patients
        ]

    def _draw_results(self, file: str) -> list[str]:
        root = self.batch.results_folder
        return [(layout.draw_folder(root, name) / file).as_posix() for name in self.batch.draws]

    def all_counts(self, _wildcards: Wildcards) -> list[str]:
        """Return the count of every draw of the batch."""
        return self._draw_results("count.json")

    def all_pages(self, _wildcards: Wildcards) -> list[str]:
        """Return the page of every draw of the batch."""
        return self._draw_results("report.html")

    @property
    def cohort_file(self) -> str:
        """The statements on the whole batch."""
        return (layout.batch_folder(self.batch.results_folder) / layout.COHORT).as_posix()

    def targets(self, _wildcards: Wildcards) -> list[str]:
        """Return what a run makes; with ``strict`` also the check that all draws counted."""
        folder = layout.batch_folder(self.batch.results_folder)
        names = [*layout.BATCH_TABLES, "report.html"]
        if self.batch.settings.strict:
            names.append("strict.json")
        return [(folder / name).as_posix() for name in names] + self._monitor_pages()

    def closing_lines(self) -> str:
        """Return what a person wants to know when a run ends."""
        from chc_gating.stages.summarise import summarise

        return summarise(self.batch)
