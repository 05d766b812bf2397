"""Results and gates in the formats of other programs."""
