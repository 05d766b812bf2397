"""Acquisitions of one draw whose raw data are one and the same: none of them can be counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chc_gating.model.acquisition import AcquisitionResult


def refuse_same_raw(
    names: Iterable[str], results: Mapping[str, AcquisitionResult]
) -> dict[str, AcquisitionResult]:
    """Return the results of these acquisitions; not counted where two are of the same data.

    The same data are an equal SHA-256 of the raw file and an equal index of the image: a copy
    under another name. Which of the rows names the wrong file is not known, so none counts.
    Files without a hash are not compared.
    """
    found = {name: results[name] for name in names}
    sharing: dict[tuple[str, int], list[str]] = {}
    for name, result in found.items():
        raw = next((i.sha256 for i in result.inputs if i.role == "raw"), None)
        if raw is not None:
            sharing.setdefault((raw, int(result.parameters.get("image") or 0)), []).append(name)
    for same in sharing.values():
        for name in same if len(same) > 1 else ():
            found[name] = _refuse(found[name], [other for other in same if other != name])
    return found


def _refuse(result: AcquisitionResult, others: list[str]) -> AcquisitionResult:
    reason = (
        f"its raw data are those of {', '.join(others)} (equal SHA-256), and its cells would be "
        "counted twice; correct the file in the acquisitions sheet, or remove a row"
    )
    return result.model_copy(update={"status": "not_counted", "reason": reason})
