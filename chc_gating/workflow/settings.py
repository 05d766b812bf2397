"""Which settings a result depends on: those alone are params of its rule."""

from __future__ import annotations

import json
from dataclasses import fields

from chc_gating.batch.configuration import Batch
from chc_gating.monitoring.rules import MonitorRules

MONITOR_SETTINGS = tuple(field.name for field in fields(MonitorRules))
LIMIT_SETTINGS = ("min_donors", "background_exposure", "limits")
JUDGING_SETTINGS = ("loq_cv",)
"""By these a page holds counts against limits."""
MEASURING_SETTINGS = ("ring_um", "focus_drop")


def pick_settings(batch: Batch, *names: str) -> dict[str, object]:
    """Return the settings of these names, as JSON spells them."""
    return batch.settings.model_dump(mode="json", include=set(names))


def pick_counting_settings(batch: Batch) -> dict[str, object]:
    """Return the settings that counts depend on: all but those of limits and of patients."""
    others = {*LIMIT_SETTINGS, *JUDGING_SETTINGS, *MONITOR_SETTINGS}
    return batch.settings.model_dump(mode="json", exclude=others)


def write_facts(facts: dict[str, object]) -> str:
    """Return facts as one text, the same for the same facts."""
    return json.dumps(facts, sort_keys=True)
