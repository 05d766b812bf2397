"""The trained network of nuclei: an image on its own grid in, what it says of each pixel out.

The network is shipped with the package and run by onnxruntime on the CPU, in 8-bit integers. All
of it is convolution: there is nothing that looks at the whole image. So what it says of a pixel
depends on the pixels within ``reach_px`` alone and, since sums of integers are exact, equal pixels
give equal answers to the last bit, provided that the image begins at a multiple of ``STRIDE``.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.errors import ChcError

FloatImage = NDArray[np.float32]

STRIDE = 8
"""Sides of an image, and its place on the slide's grid, are multiples of this."""

_LARGEST_PIXELS = 800_000
"""Of an image that is looked at at once, about: some 200 MB of what lies between the layers."""

_MODEL = Path(__file__).parent / "models" / "nuclei.onnx"


@dataclass(frozen=True)
class NetworkFacts:
    """What is stated beside the model.

    version : of the model. sha256 : of its file. target_diameter_px : of a nucleus on its grid.
    reach_px : how far an answer looks, in pixels of its grid.
    """

    version: str
    sha256: str
    target_diameter_px: float
    reach_px: int


def read_facts(model: Path = _MODEL) -> NetworkFacts:
    """Return what is stated beside a model, in a file of the same name that ends in .json."""
    stated = json.loads(model.with_suffix(".json").read_text(encoding="utf-8"))
    return NetworkFacts(
        version=str(stated["version"]),
        sha256=str(stated["sha256"]),
        target_diameter_px=float(stated["target_diameter_px"]),
        reach_px=int(stated["reach_px"]),
    )


class NucleusNetwork:
    """The network, ready to run; one may be shared by any number of threads."""

    def __init__(self, model: Path = _MODEL) -> None:
        """Load a model.

        Raises
        ------
        ChcError
            The file is not the one that was trained.
        """
        import onnxruntime

        content = model.read_bytes()
        self.facts = read_facts(model)
        if hashlib.sha256(content).hexdigest() != self.facts.sha256:
            raise ChcError(
                f"{model.name}: the network's file is damaged (its SHA-256 differs from what "
                f"{model.stem}.json states); install the package again"
            )
        options = onnxruntime.SessionOptions()
        # One thread a call: blocks run side by side, and what a sum is does not depend on it.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 3
        self._session: Any = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )

    @property
    def reach_px(self) -> int:
        """How far an answer looks, in pixels of the network's grid."""
        return self.facts.reach_px

    def predict(self, image: FloatImage) -> tuple[FloatImage, FloatImage]:
        """Return what the network says of each pixel.

        Parameters
        ----------
        image : (y, x) float32
            Nuclei about 14 px wide; 0 is the background, 1 a bright nucleus, at most 1.5.

        Returns
        -------
        foreground : (y, x) float32
            Above 0 in a nucleus, as the logarithm of the odds.
        distance : (y, x) float32
            From the nucleus's border, as a share of its deepest pixel's: about 0 to 1.
        """
        height, width = image.shape
        if height > self._band_rows(width):
            return self._predict_bands(image)
        pads = [(0, -height % STRIDE), (0, -width % STRIDE)]
        padded = np.pad(image, pads, mode="edge") if any(p[1] for p in pads) else image
        tones = np.stack([padded, np.sqrt(padded)])[np.newaxis]
        foreground, distance = self._session.run(["foreground", "distance"], {"image": tones})
        return foreground[0, 0, :height, :width], distance[0, 0, :height, :width]

    def _band_rows(self, width: int) -> int:
        """Return how many rows are looked at at once: that bounds the memory."""
        return STRIDE * max(_LARGEST_PIXELS // (STRIDE * width), 4 * self._halo_rows // STRIDE)

    @property
    def _halo_rows(self) -> int:
        """The reach, as a multiple of the stride."""
        return -(-self.reach_px // STRIDE) * STRIDE

    def _predict_bands(self, image: FloatImage) -> tuple[FloatImage, FloatImage]:
        """Return the answers band by band; each band sees its halo, so none has a seam."""
        height, width = image.shape
        halo = self._halo_rows
        count = math.ceil(height / (self._band_rows(width) - 2 * halo))
        rows = STRIDE * math.ceil(height / (STRIDE * count))  # bands as low as each other
        answers = np.empty((2, height, width), np.float32)
        for first in range(0, height, rows):
            start, stop = max(first - halo, 0), min(first + rows + halo, height)
            inner = slice(first - start, min(first + rows, height) - start)
            for answer, part in zip(answers, self.predict(image[start:stop]), strict=True):
                answer[first : first + rows] = part[inner]
        return answers[0], answers[1]


@cache
def load_network() -> NucleusNetwork:
    """Return the shipped network, loaded once a process."""
    return NucleusNetwork()
