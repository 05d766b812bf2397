"""Columns of what `kernels/quality.py` finds in squares, and how it samples them."""

from __future__ import annotations

SAMPLE_STEP = 4
"""Sharpness is sampled at every fourth pixel of every fourth row; grey levels, of those rows."""

REACH = 3
"""How far the filter of `survey_squares` looks."""

PIXELS, DNA_SUM, FILTERED, FILTERED_SQUARES, NOISE_SQUARES = 0, 1, 2, 3, 4
SUMS = 5
"""Columns of the sums over sampled pixels of nuclei."""

SAMPLED, SATURATED, LOWEST, HIGHEST = 0, 1, 2, 3
GREYS = 4
"""Columns of the grey levels of a channel."""

NOISE_SHARE = 5488 / 36 / 256
"""Of a sum of NOISE_SQUARES, what the same noise adds to FILTERED_SQUARES.

Noise adds the sum of a filter's squared weights: 5,488 of the Laplacian of the smoothing, whose
squares are kept in units of 1/256, and 36 of the noise filter (1 -2 1; -2 4 -2; 1 -2 1; Immerkaer
1996), which passes no slope and hardly an edge that optics made.
"""
