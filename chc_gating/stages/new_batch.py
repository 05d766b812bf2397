"""`chc new-batch`: a batch folder to fill in, from file headers where a folder is scanned."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chc_gating.batch.configuration import SHEETS
from chc_gating.batch.drafts import (
    EXAMPLE_PANEL,
    draft_panel,
    draft_phenotypes,
    write_gates,
    write_panel,
)
from chc_gating.batch.guesses import guess_control, guess_stained, is_unnamed, make_id
from chc_gating.batch.manual import describe_batch
from chc_gating.errors import ChcError, ConfigError, Fault
from chc_gating.model.panel import Panel
from chc_gating.stages.scan import RawFile, Scan, group_files, scan_folder
from chc_gating.storage.atomic import write_text

_CONFIG = "".join(f"{name}: config/{name}.tsv\n" for name in SHEETS) + (
    "panels: config/panels\n"
    "gates: config/gates\n"
    "results: results\n"
    "settings: {}                   # decimal, date_format, ...: see config/README.md\n"
)
_FILL_DRAWS = "config/draws.tsv: one row a draw; draw, patient, cohort and collected_on are needed"
_MOST_NAMES = 5
_BARE = ("flow", "none")
_NO_MARKER = "config/controls.tsv, marker: the file's name does not tell it; rows"
_NO_PIXEL_SIZE = "config/acquisitions.tsv, pixel_size_um: the file does not say it; rows"


@dataclass
class _Draft:
    """The files of a new batch as text, and what a person has to do to them."""

    folder: Path
    rows: dict[str, list[dict[str, str]]] = field(default_factory=lambda: {n: [] for n in SHEETS})
    panels: dict[str, Panel] = field(default_factory=dict)
    to_fill: list[str] = field(default_factory=list)
    to_check: list[str] = field(default_factory=list)
    files_of: dict[str, list[RawFile]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    unsure: dict[str, list[str]] = field(default_factory=dict)

    def texts(self) -> dict[str, str]:
        """Return the text of every file, by its path in the batch folder."""
        texts = {"config/config.yaml": _CONFIG, "config/README.md": describe_batch()}
        for name in SHEETS:
            texts[f"config/{name}.tsv"] = _write_sheet(name, self.rows[name])
        for name, panel in self.panels.items():
            texts[f"config/panels/{name}.yaml"] = write_panel(panel)
            texts[f"config/gates/{name}.yaml"] = write_gates(panel)
        return texts


def new_batch(folder: Path, *, scan: Path | None = None) -> str:
    """Write DIR/config with sheets, panels and gates; return what to fill in, as text.

    With ``scan`` the sheets are filled from the headers of the FCS files and TIFF images below
    that folder; cells that a header cannot tell stay empty. Values of metadata other than names
    of channels and markers are not copied. Raises ConfigError where a file is there already.
    """
    draft = _Draft(Path(folder))
    if scan is None:
        draft.panels[EXAMPLE_PANEL.name] = EXAMPLE_PANEL
        draft.to_fill += [_FILL_DRAWS, "config/acquisitions.tsv: one row a raw file"]
        draft.to_check.append("config/panels/chc4.yaml: an example; name your own channels")
        _write(draft)
        return _tell(draft, None)
    if not Path(scan).is_dir():
        raise ChcError(f"{scan}: no such folder; name the folder that holds the raw files")
    found = scan_folder(Path(scan))
    _draft_panels(found, draft)
    _list_faults_of(draft)
    _write(draft)
    return _tell(draft, found)


def _draft_panels(found: Scan, draft: _Draft) -> None:
    """Draft a panel for the files that can share one, and a row for every file."""
    names: dict[Path, str] = {}
    for group in group_files(found.files):
        leader = group[0]
        name = make_id("flow" if leader.modality == "flow" else "slide", draft.panels)
        draft.panels[name] = _draft_panel(name, leader)
        draft.files_of[name] = group
        names.update({file.path: name for file in group})
    for file in found.files:
        _draft_row(file, names[file.path], draft)


def _draft_panel(name: str, file: RawFile) -> Panel:
    return draft_panel(
        name,
        file.modality,
        channels=file.channels,
        labels=file.labels,
        spillover="keyword" if file.has_spillover else "none",
    )


def _draft_row(file: RawFile, panel: str, draft: _Draft) -> None:
    kind = guess_control(file.stem)
    name = make_id(file.stem, draft.taken)
    draft.taken.add(name)
    shown = _shown_path(file.path, draft.folder)
    if kind is None:
        row = {
            "acquisition": name,
            "modality": file.modality,
            "file": shown,
            "panel": panel,
            "gates": panel,
        }
        draft.rows["acquisitions"].append(row)
        if not file.has_pixel_size:
            line = len(draft.rows["acquisitions"]) + 1
            draft.unsure.setdefault(_NO_PIXEL_SIZE, []).append(str(line))
        return
    row = {"control": name, "panel": panel, "kind": kind, "file": shown}
    draft.rows["controls"].append(row)
    if kind != "unstained":
        marker = guess_stained(file.stem, draft.panels[panel])
        row["marker"] = marker or ""
        if marker is None and kind != "isotype":
            draft.unsure.setdefault(_NO_MARKER, []).append(str(len(draft.rows["controls"]) + 1))


def _list_faults_of(draft: _Draft) -> None:
    """List what no header tells, and what was guessed."""
    draft.to_fill.insert(0, _FILL_DRAWS)
    if draft.rows["acquisitions"]:
        draft.to_fill.insert(1, "config/acquisitions.tsv, draw: the draw of each file")
    else:
        draft.to_fill.insert(1, "config/acquisitions.tsv: one row a raw file")
    draft.to_fill += [f"{what} {', '.join(rows)}" for what, rows in draft.unsure.items()]
    for name, panel in draft.panels.items():
        path = f"config/panels/{name}.yaml"
        if panel.modality == "image" and not panel.channels_with_role("dna"):
            draft.to_fill.append(f"{path}: give the nuclear channel `role: dna`")
    marked = {name: bool(panel.markers) for name, panel in draft.panels.items()}
    _advise(
        draft,
        "markers come from the files, roles are guessed",
        [name for name in marked if marked[name]],
    )
    _advise(
        draft,
        "the files name no marker; write `marker: NAME` to the stained channels",
        [name for name in marked if not marked[name]],
    )
    unnamed = [n for n, p in draft.panels.items() if any(map(is_unnamed, p.channels))]
    _advise(draft, "the images name no channels; add channel_names and use these names", unnamed)
    no_spillover = [n for n, p in draft.panels.items() if (p.modality, p.spillover) == _BARE]
    _advise(draft, "the files hold no spillover; name a CSV if you have one", no_spillover)
    _advise(
        draft,
        "give one marker the role leukocyte and others the role epithelial, then write phenotypes "
        "into the gates file of the same name",
        [name for name, panel in draft.panels.items() if not draft_phenotypes(panel)],
    )
    if draft.rows["controls"]:
        draft.to_check.append("config/controls.tsv: kinds and markers are guessed from file names")
    if draft.taken:
        draft.to_check.append("ids come from file names; change those that name a person")
    draft.to_check.append(
        "volumes and fractions of config/acquisitions.tsv: without them no number per 7.5 mL"
    )


def _advise(draft: _Draft, what: str, panels: list[str]) -> None:
    if panels:
        paths = ", ".join(f"{name}.yaml" for name in panels)
        draft.to_check.append(f"config/panels/{paths}: {what}")


def _shown_path(path: Path, folder: Path) -> str:
    """Return a path from the batch folder where the file lies in it, else the whole path."""
    whole = path.resolve()
    base = folder.resolve()
    return (whole.relative_to(base) if whole.is_relative_to(base) else whole).as_posix()


def _write_sheet(name: str, rows: list[dict[str, str]]) -> str:
    columns = list(SHEETS[name].model_fields)
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _write(draft: _Draft) -> None:
    texts: Mapping[str, str] = draft.texts()
    there = [name for name in texts if (draft.folder / name).exists()]
    if there:
        first, others = str(draft.folder / there[0]), len(there) - 1
        more = f", and so {'is 1 other' if others == 1 else f'are {others} others'}"
        remedy = "name another folder, or move it away; nothing was written"
        raise ConfigError([Fault(first, f"is there already{more if others else ''}", remedy)])
    for name, text in texts.items():
        write_text(draft.folder / name, text)


def _tell(draft: _Draft, found: Scan | None) -> str:
    blocks = [f"Wrote {draft.folder / 'config'}; every column is explained in its README.md."]
    if found is not None:
        rows = draft.rows
        blocks.append(
            f"Read {len(found.files)} files: {len(rows['acquisitions'])} acquisitions, "
            f"{len(rows['controls'])} controls, {len(draft.panels)} panels; "
            f"{found.passed} other files were passed over."
        )
        blocks += _list_block("Panels, and their files", _list_panels(draft))
        unread = [f"{path}: {reason}" for path, reason in found.unreadable]
        blocks += _list_block("Could not be read, and have no row", unread)
    blocks += _list_block("Fill in before a run", draft.to_fill)
    blocks += _list_block("Look at", draft.to_check)
    blocks.append(f"Then: cd {shlex.quote(str(draft.folder))} && chc check config/config.yaml")
    return "\n\n".join(blocks)


def _list_panels(draft: _Draft) -> list[str]:
    return [
        f"config/panels/{name}.yaml: {_name_files(group)}"
        + (f"; markers from {group[0].path.name}" if group[0].label_count else "")
        for name, group in draft.files_of.items()
    ]


def _name_files(group: list[RawFile]) -> str:
    """Return the names of some files, and how many more there are."""
    names = [file.path.name for file in group[:_MOST_NAMES]]
    more = len(group) - len(names)
    return ", ".join(names) + (f" and {more:,} more" if more else "")


def _list_block(title: str, lines: list[str]) -> list[str]:
    return ["\n".join([f"{title}:", *(f"  - {line}" for line in lines)])] if lines else []
