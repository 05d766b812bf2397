"""From counts of draws to statements: change, trend, alarms, lead time, cohorts, agreement."""
