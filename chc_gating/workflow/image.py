"""What `workflow/rules/image.smk` asks: slides to nuclei, cells and classes."""

from __future__ import annotations

import shlex
from pathlib import Path

from chc_gating.batch import layout
from chc_gating.errors import ChcError
from chc_gating.imaging.tile_source import is_tile_source, source_files
from chc_gating.model.segmentation import SegmentationChoice
from chc_gating.workflow.acquisitions import AcquisitionJobs
from chc_gating.workflow.jobs import (
    Wildcards,
    list_opening_options,
    match_one_of,
    repeat_option,
)


class ImageJobs(AcquisitionJobs):
    """The jobs of slides; raw tiles are stitched to a slide first."""

    @property
    def pattern(self) -> str:
        """A pattern that matches the ids of slides only."""
        return match_one_of(self.batch.acquisition_ids("image"))

    def _is_stitched(self, wildcards: Wildcards) -> bool:
        """Whether a slide is raw tiles, which `chc stitch` makes one image of."""
        row = self._row(wildcards)
        return row.camera_tile_px is not None or is_tile_source(Path(row.file))

    def _result(self, wildcards: Wildcards, file: str) -> str:
        return (Path(self.folder(wildcards)) / file).as_posix()

    def existing_tile_files(self, wildcards: Wildcards) -> list[str]:
        """Return the files that an acquisition's raw tiles consist of, those that exist."""
        if self._row(wildcards).camera_tile_px is not None:
            return self.existing_raw_file(wildcards)
        path = Path(self.raw_file(wildcards))
        return [file.as_posix() for file in source_files(path) if file.is_file()]

    def slide_file(self, wildcards: Wildcards) -> str:
        """Return the slide that is segmented and measured: the stitched one, or the raw file."""
        if self._is_stitched(wildcards):
            return self._result(wildcards, layout.STITCHED_SLIDE)
        return self.raw_file(wildcards)

    def existing_slide(self, wildcards: Wildcards) -> list[str]:
        """Return the slide as an input: what `stitch` makes, or the raw file if it exists."""
        if self._is_stitched(wildcards):
            return [self._result(wildcards, file) for file in layout.STITCH_FILES]
        return self.existing_raw_file(wildcards)

    def stitch_options(self, wildcards: Wildcards) -> str:
        """Return the options of `chc stitch` that come from the acquisition's row."""
        row = self._row(wildcards)
        words = [*list_opening_options(row), "--flat-field", row.flat_field]
        if row.camera_tile_px is not None:
            words += ["--camera-tile-px", row.camera_tile_px]
        if row.dark_level is not None:
            words += ["--dark-level", repr(row.dark_level)]
        return shlex.join(words)

    def _opening_options(self, wildcards: Wildcards) -> list[str]:
        """Return how to open a slide, its index and pixel size; a stitched one says both itself."""
        return [] if self._is_stitched(wildcards) else list_opening_options(self._row(wildcards))

    def _segmentation(self, wildcards: Wildcards) -> SegmentationChoice | None:
        return self.batch.panels[self._row(wildcards).panel].segmentation

    def _label_image(self, wildcards: Wildcards) -> str | None:
        """Return the label image that a slide's nuclei come from, if its panel says so."""
        choice = self._segmentation(wildcards)
        if choice is not None and choice.method == "external":
            return self._result(wildcards, layout.EXTERNAL_LABELS)
        return self._row(wildcards).labels

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
            words = ["--stitching", self._result(wildcards, layout.STITCHING)]
        path = self._label_image(wildcards)
        labels = [] if path is None else ["--labels-from", path]
        return shlex.join([*words, *labels])

    def measure_options(self, _wildcards: Wildcards) -> str:
        """Return the options of `chc measure` that come from the settings."""
        settings = self.batch.settings
        return shlex.join(
            ["--ring-um", repr(settings.ring_um), "--focus-drop", repr(settings.focus_drop)]
        )

    def gate_image_options(self, wildcards: Wildcards) -> str:
        """Return the options of `chc gate-image`."""
        settings = ["--control-crops", str(self.batch.settings.control_crops)]
        return shlex.join([*self._options_of_controls(wildcards), *settings])

    def tool_pattern(self, tool: str) -> str:
        """Return a pattern that matches the slides whose panels name this tool, and no other."""
        panels = self.batch.panels
        slides = [self.batch.acquisitions[name] for name in self.batch.acquisition_ids("image")]
        choices = ((row.acquisition, panels[row.panel].segmentation) for row in slides)
        return match_one_of(name for name, choice in choices if choice and choice.tool == tool)

    def _tool_choice(self, wildcards: Wildcards) -> SegmentationChoice:
        choice = self._segmentation(wildcards)
        if choice is None or choice.tool is None or choice.weights is None:
            raise ChcError(f"{wildcards.acquisition}: its panel names no tool for its nuclei")
        return choice

    def tool_weights(self, wildcards: Wildcards) -> str:
        """Return the weights of the tool that finds a slide's nuclei."""
        return str(self._tool_choice(wildcards).weights)

    def tool_options(self, wildcards: Wildcards) -> str:
        """Return the options of the script that runs a tool of others on a slide."""
        panel = self.batch.panels[self._row(wildcards).panel]
        choice = self._tool_choice(wildcards)
        words = ["--tool", str(choice.tool), "--channel", panel.channels_with_role("dna")[0]]
        words += ["--nucleus-um", repr(choice.nucleus_um), *self._opening_options(wildcards)]
        words += repeat_option("--channel-name", panel.channel_names or ())
        return shlex.join(words)
