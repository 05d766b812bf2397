"""Longer fuzzing of the FCS reader, guided by coverage: any bytes give data or a RawFileError.

    python tests/fuzz/fuzz_fcs.py [-max_total_time=SECONDS] [CORPUS] [options of libFuzzer]

Starts from the files of the registry of quirks. A finding (another exception, more than a gigabyte,
more than ten seconds) ends the run and leaves the bytes in a file that is named; give that file as
the only argument to repeat it. Needs the extra "fuzz" (atheris).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "flow"))

with atheris.instrument_imports(include=["chc_gating.flow", "chc_gating.compensation"]):
    from read_everything import read_or_refuse

from quirk_files import QUIRK_FILES

LIMITS = ("-max_len=4000", "-len_control=0", "-timeout=10", "-rss_limit_mb=1024")
WORDS = (
    *("$BEGINDATA", "$ENDDATA", "$BEGINSTEXT", "$ENDSTEXT", "$NEXTDATA", "$TOT", "$PAR", "$MODE"),
    *("$BYTEORD", "$DATATYPE", "$TIMESTEP", "$SPILLOVER", "$VOL", "$BTIM", "$ETIM", "$P1DATATYPE"),
    *("$P1B", "$P1E", "$P1G", "$P1N", "$P1R", "$P1S", "$P1TYPE", "1,2,3,4", "3,4,1,2", "4,1"),
    *("FCS2.0", "FCS3.0", "FCS3.2", "99999999", "|I|", "|D|", "|F|", "|16|", "|24|", "|64|"),
)
"""What chance alone would hardly find; libFuzzer puts them in."""


def main() -> None:
    """Fuzz until libFuzzer ends the process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = folder / "corpus"
        corpus.mkdir()
        for quirk in QUIRK_FILES:
            (corpus / quirk.name).write_bytes(quirk.data)
        words = folder / "words"
        words.write_text("".join(f'"{word}"\n' for word in WORDS))
        repeated = any(Path(argument).is_file() for argument in sys.argv[1:])
        arguments = [*LIMITS, f"-dict={words}", *sys.argv[1:], *([] if repeated else [str(corpus)])]
        atheris.Setup(
            [sys.argv[0], *arguments], lambda data: read_or_refuse(folder / "a.fcs", data)
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
