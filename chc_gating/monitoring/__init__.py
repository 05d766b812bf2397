"""From counts of draws to statements: change, series, cohorts, agreement."""
