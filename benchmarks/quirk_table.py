"""What ours and its peers make of every odd FCS file: writes the tables of docs/fcs-files.md.

    python benchmarks/quirk_table.py [--peers PYTHON] [--data FOLDER]

Reads the files of the registry (tests/flow/quirk_files.py) and, where they are present, the real
files of FOLDER, with ours, flowio, FlowKit, fcsparser and FlowCal, and compares what they give with
the truth: the events that the file was made of, or, for a real file, a decoding by hand that
knows nothing of the reader. --peers is an interpreter of an environment with fcsparser and FlowCal,
which need numpy below 2; flowio and FlowKit run in this one.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "flow"))

from quirk_files import QUIRK_FILES, QuirkFile  # noqa: E402

from chc_gating.compensation.keyword import spillover_from_keyword  # noqa: E402
from chc_gating.errors import RawFileError  # noqa: E402
from chc_gating.flow.fcs import FcsFile, open_fcs  # noqa: E402

DOCUMENT = ROOT / "docs" / "fcs-files.md"
PEERS = ("flowio", "FlowKit", "fcsparser", "FlowCal")
OLD_PEERS = ("fcsparser", "FlowCal")
FOLDERS = ("fcsparser", "flowio", "compdata", "gatingml", "theFlowSpec", "aurora")
ABSENT_TIMESTEP = "no usable $TIMESTEP; Time is not known in seconds"
TOLERANCE = 1e-6
"""Peers return float32 where the truth is float64."""


@dataclass(frozen=True)
class Outcome:
    """What a peer made of a file."""

    kind: str
    values: np.ndarray | None = None
    names: tuple[str, ...] = ()
    text: dict[str, str] | None = None
    warned: bool = False
    error: str = ""


class Peer:
    """A peer in an interpreter of its own, which answers one request after another."""

    def __init__(self, name: str, interpreter: str, folder: Path) -> None:
        self.name = name
        self._values = folder / f"{name}.npy"
        command = [interpreter, str(ROOT / "benchmarks" / "peer_reads.py"), name]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True,
        )  # fmt: skip
        self.version = self._line()["version"]

    def read(self, path: Path, *, linear: bool = False, spillover: bool = False) -> Outcome:
        """Return what the peer makes of a file."""
        request = {
            "path": str(path), "linear": linear, "spillover": spillover,
            "values": str(self._values),
        }  # fmt: skip
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        said = self._line()
        if said["kind"] != "data":
            return Outcome(said["kind"], error=said.get("error", ""))
        values = np.load(self._values)
        return Outcome("data", values, tuple(said["names"]), said["text"], said["warned"])

    def _line(self) -> dict[str, Any]:
        """Return the next answer; peers print lines of their own between them."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                return dict(json.loads(line))
        raise SystemExit(f"{self.name} does not run; make its environment with `make docs-tables`")


# --- files with one quirk ---


def describe_ours(path: Path) -> tuple[FcsFile | None, str]:
    """Return our reader's file and what it says of it."""
    try:
        fcs = open_fcs(path)
    except RawFileError as error:
        return None, f"refused: {str(error).removeprefix(f'{path}: ')}"
    if fcs.repairs:
        return fcs, "repaired: " + "; ".join(fcs.repairs)
    return fcs, "read"


def describe_our_quirk(path: Path, quirk: QuirkFile) -> str:
    """Return what ours does; ends the run where that is not what the registry says."""
    fcs, said = describe_ours(path)
    if quirk.about_spillover:
        assert fcs is not None
        try:
            found = spillover_from_keyword(fcs.keywords, channels=fcs.channels, labels=fcs.markers)
        except RawFileError as error:
            return f"refused: {error}"
        assert found is not None
        assert np.array_equal(found.matrix, quirk.spillover)
        return "read" if quirk.verdict == "read" else f"repaired: {found.source}"
    if fcs is not None:
        assert np.array_equal(fcs.read("stored"), quirk.stored, equal_nan=True), quirk.name
        assert np.allclose(fcs.read("linear"), quirk.linear, equal_nan=True), quirk.name
    assert said.startswith(quirk.verdict), (quirk.name, said)
    return said


def judge_quirk(peer: Peer, path: Path, quirk: QuirkFile) -> str:
    """Return what a peer makes of a quirk, in a few words."""
    if quirk.about_spillover:
        if peer.name != "FlowKit":
            return "-"
        return _judge(peer.read(path, spillover=True), quirk.spillover)
    of_time = quirk.name.startswith("time")
    if quirk.scale and (peer.name == "fcsparser" or (peer.name == "FlowCal" and of_time)):
        return "-"
    outcome = peer.read(path, linear=quirk.scale)
    truth = quirk.linear if quirk.scale else quirk.stored
    if quirk.scale and peer.name == "FlowCal" and outcome.values is not None:
        # FlowCal leaves Time as it is and gives the step apart.
        assert truth is not None
        outcome, truth = replace(outcome, values=outcome.values[:, :-1]), truth[:, :-1]
    said = _judge(outcome, truth)
    if not said.startswith("right"):
        return said
    how = "warns" if outcome.warned else "silent"
    named = quirk.name in ("escaped-delimiter-in-name", "comma-in-name")
    if named and outcome.names != quirk.channels:
        return f"**wrong**, {how} (name)"
    if quirk.keyword is not None and not _has_keyword(outcome, *quirk.keyword):
        return f"**wrong**, {how} (keyword)"
    return said


def _has_keyword(outcome: Outcome, key: str, value: str) -> bool:
    bare = {k.strip().upper().lstrip("$"): v.strip() for k, v in (outcome.text or {}).items()}
    return bare.get(key.lstrip("$")) == value


def _judge(outcome: Outcome, truth: np.ndarray | None) -> str:
    if outcome.kind != "data":
        shown = {"refused": "refuses", "crashed": "crashes", "hung": "hangs", "died": "dies"}
        error = f" ({outcome.error})" if outcome.error else ""
        return shown[outcome.kind] + error
    assert outcome.values is not None
    how = "warns" if outcome.warned else "silent"
    if truth is None:
        return f"**reads on**, {how} ({len(outcome.values)} rows)"
    if outcome.values.shape != truth.shape:
        rows, columns = outcome.values.shape
        return f"**wrong**, {how} ({rows} x {columns} for {truth.shape[0]} x {truth.shape[1]})"
    if not np.allclose(outcome.values, truth, rtol=TOLERANCE, atol=0, equal_nan=True):
        return f"**wrong**, {how} (values)"
    return "right, warns" if outcome.warned else "right"


def tabulate_quirks(peers: list[Peer], folder: Path) -> list[str]:
    """Return the table of the registry, and the tally below it."""
    rows, tallies = [], {peer.name: Counter[str]() for peer in peers}
    for quirk in QUIRK_FILES:
        path = folder / f"{quirk.name}.fcs"
        path.write_bytes(quirk.data)
        cells = [judge_quirk(peer, path, quirk) for peer in peers]
        for peer, cell in zip(peers, cells, strict=True):
            tallies[peer.name][_class(cell)] += 1
        rows.append([quirk.group, quirk.quirk, describe_our_quirk(path, quirk), *cells])
    head = ["where", "quirk", "ours", *(f"{p.name} {p.version}" for p in peers)]
    return [*_table(head, rows), "", *_describe_tallies(tallies, len(QUIRK_FILES))]


def _class(cell: str) -> str:
    if cell.startswith(("**wrong**, silent", "**reads on**, silent")):
        return "silently wrong"
    if cell.startswith("**"):
        return "wrong with a warning"
    return re.split(r"[, (]", cell)[0]


def _describe_tallies(tallies: dict[str, Counter[str]], count: int) -> list[str]:
    verdicts = Counter(quirk.verdict for quirk in QUIRK_FILES)
    ours = ", ".join(f"{n} {verdict}" for verdict, n in verdicts.items())
    lines = [f"Of {count} files, ours: {ours}, none wrong."]
    for name, tally in tallies.items():
        said = ", ".join(f"{n} {what}" for what, n in tally.most_common() if what != "-")
        lines.append(f"{name}: {said}.")
    return [" ".join(lines)]


def tabulate_given(peers: list[Peer], folder: Path) -> list[str]:
    """Return the table of a folder of quirk files with known number of events and first column.

    A file that ours refuses has no true reading.
    """
    rows = []
    for name, truth in json.loads((folder / "truth.json").read_text("utf-8")).items():
        path = folder / f"{name}.fcs"
        fcs, said = describe_ours(path)
        first = np.array(truth["first"], dtype=np.float64).reshape(-1, 1)
        if fcs is not None:
            assert np.array_equal(fcs.read("stored")[:, :1], first, equal_nan=True), name
        known = None if fcs is None else first
        said = _without(said, ABSENT_TIMESTEP)
        rows.append([name, said, *(_judge_first(peer.read(path), known) for peer in peers)])
    return _table(["file", "ours", *(peer.name for peer in peers)], rows)


def _without(said: str, line: str) -> str:
    if line not in said:
        return said
    rest = said.replace(f"{line}; ", "").replace(f"; {line}", "")
    return "read" if rest == f"repaired: {line}" else rest


def _judge_first(outcome: Outcome, truth: np.ndarray | None) -> str:
    if outcome.values is None:
        return _judge(outcome, truth)
    return _judge(replace(outcome, values=outcome.values[:, :1]), truth)


# --- real files ---


def decode_by_hand(path: Path) -> np.ndarray | None:
    """Return (n, m) stored values by the plainest decoding; None where that does not apply.

    TEXT is split at its delimiter, DATA begins where HEADER says (where HEADER says 0, TEXT), and
    $TOT events follow. Knows nothing of the reader, and no quirk.
    """
    raw = path.read_bytes()
    try:
        text_begin, text_end, begin = (int(raw[i : i + 8]) for i in (10, 18, 26))
        text = raw[text_begin : text_end + 1].decode("latin-1")
        parts = text[1:].split(text[0])
        found = {k.strip().upper(): v.strip() for k, v in zip(parts[::2], parts[1::2])}  # noqa: B905
        begin = begin or int(found["$BEGINDATA"])
        count, channels = int(found["$TOT"]), int(found["$PAR"])
        order = "<" if found["$BYTEORD"].startswith("1,2") else ">"
        fields = [(str(n), _code(found, n, order)) for n in range(1, channels + 1)]
        events = np.frombuffer(raw, dtype=fields, count=count, offset=begin)
    except (ValueError, KeyError):
        return None
    return np.column_stack([_masked(events[name], found, name) for name, _ in fields])


def _code(found: dict[str, str], n: int, order: str) -> str:
    kind = {"F": "f", "D": "f", "I": "u"}[found["$DATATYPE"]]
    return f"{order}{kind}{int(found[f'$P{n}B']) // 8}"


def _masked(values: np.ndarray, found: dict[str, str], name: str) -> np.ndarray:
    if values.dtype.kind == "f":
        return values.astype(np.float64)
    limit = int(found[f"$P{name}R"])
    bits = (limit - 1).bit_length()
    return (values.astype(np.uint64) & np.uint64(2**bits - 1)).astype(np.float64)


def describe_hand(path: Path, stored: np.ndarray | None) -> str:
    """Return whether the decoding by hand gives our values."""
    hand = decode_by_hand(path)
    if hand is None:
        return "does not apply"
    if stored is None:
        return f"{len(hand)} events"
    return "same" if np.array_equal(hand, stored, equal_nan=True) else "differs"


def tabulate_real(peers: list[Peer], data: Path) -> list[str]:
    """Return the table of the real files: what ours says, and who gives the same values."""
    rows = []
    for path in sorted(path for folder in FOLDERS for path in _fcs_files(data / folder)):
        fcs, said = describe_ours(path)
        stored = None if fcs is None else fcs.read("stored")
        shape = "-" if stored is None else f"{stored.shape[0]:,} x {stored.shape[1]}"
        cells = [_compare(peer.read(path), stored) for peer in peers]
        name = f"{path.parent.name}/{path.name}"
        rows.append([name, shape, said, describe_hand(path, stored), *cells])
    head = ["file", "events x channels", "ours", "by hand", *(peer.name for peer in peers)]
    return _table(head, rows)


def _fcs_files(folder: Path) -> list[Path]:
    """Return what calls itself FCS, by its name or by its first bytes."""
    paths = (path for path in folder.iterdir() if path.is_file())
    return [
        path for path in paths if path.suffix in (".fcs", ".lmd") or path.read_bytes()[:3] == b"FCS"
    ]


def _compare(outcome: Outcome, stored: np.ndarray | None) -> str:
    said = _judge(outcome, stored)
    return said.replace("right", "same").replace("**wrong**", "**differs**")


# --- the document ---


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    def line(cells: list[str]) -> str:
        shown = [re.sub(r"\s+", " ", cell.replace("|", "\\|")) for cell in cells]
        return f"| {' | '.join(shown)} |"

    return [line(head), "|" + "---|" * len(head), *(line(row) for row in rows)]


def replace_between(document: str, name: str, lines: list[str]) -> str:
    """Return the document with new lines between the two markers of this name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, rest = document.split(begin)
    _, after = rest.split(end)
    return f"{before}{begin}\n" + "\n".join(lines) + f"\n{end}{after}"


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description="Write the tables of docs/fcs-files.md.")
    parser.add_argument("--peers", default=str(ROOT / ".venv-peers" / "bin" / "python"))
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "flow")
    arguments = parser.parse_args()
    document = DOCUMENT.read_text("utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        interpreters = {p: arguments.peers if p in OLD_PEERS else sys.executable for p in PEERS}
        peers = [Peer(peer, interpreters[peer], folder) for peer in PEERS]
        document = replace_between(document, "quirks", tabulate_quirks(peers, folder))
        if arguments.data.is_dir():
            given = tabulate_given(peers, arguments.data / "quirks")
            document = replace_between(document, "given quirks", given)
            real = tabulate_real(peers, arguments.data)
            document = replace_between(document, "real files", real)
        else:
            print(f"no folder {arguments.data}: the tables of its files stay as they are")
    DOCUMENT.write_text(document, "utf-8")


if __name__ == "__main__":
    main()
