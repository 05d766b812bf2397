"""From counts to counts per 7.5 mL: exposure, recovery, intervals."""
