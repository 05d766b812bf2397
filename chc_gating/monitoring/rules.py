"""How a series is judged: fixed in the settings before anybody looks at it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MonitorRules:
    """The settings of monitoring; their meaning stands in config/README.md."""

    biological_alpha: float | None = None
    baseline_draws: int = 2
    baseline_until: str | None = None
    cusum_low_per_ml: float | None = None
    cusum_ratio: float = 2.0
    cusum_h: float = 5.0
    ewma_weight: float = 0.3
    ewma_width: float = 3.0
    alarm_rule: str = "cusum"
    alarm_confirm: int = 2
    analyte_cva: float = 0.05
    analyte_cvi: float = 0.15
