"""Names of a workspace's populations: the short one where it is alone, else the whole path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from chc_gating.batch.explain import suggest
from chc_gating.batch.flowjo_gates import FlowJoPopulation
from chc_gating.model.gates import ROOT

_SHOWN = 6


class AddressError(Exception):
    """A name that means no population, or several; its text says what to write instead."""


def name_populations(populations: Sequence[FlowJoPopulation]) -> tuple[str, ...]:
    """Return a unique name of every population: its own, or its path (`/Cells/CD45+`).

    The path stands where several populations share a name, and where a name could be taken for
    a path or for all events.
    """
    alone = Counter(p.path[-1] for p in populations)
    return tuple(
        p.path[-1] if alone[p.path[-1]] == 1 and _is_plain(p.path[-1]) else p.address
        for p in populations
    )


def _is_plain(name: str) -> bool:
    return bool(name) and name != ROOT and not name.startswith("/")


def find_population(text: str, addresses: Sequence[str]) -> int:
    """Return the index of the population that a name or path means.

    text : `/Cells/CD45+` from the outermost population, or the last parts of such a path, as many
    as tell populations apart. Raises AddressError.
    """
    wanted = text if text.startswith("/") else f"/{text}"
    found = [i for i, address in enumerate(addresses) if address == wanted]
    if not text.startswith("/"):
        found = [i for i, address in enumerate(addresses) if address.endswith(wanted)]
    if len(found) == 1:
        return found[0]
    if not found:
        known = [a if text.startswith("/") else a.rpartition("/")[2] for a in addresses]
        raise AddressError(f"there is no population {text}; {_advise(text, known)}")
    several = ", ".join(addresses[i] for i in found[:_SHOWN])
    raise AddressError(f"{len(found)} populations are called {text}; write the path: {several}")


def _advise(text: str, known: Sequence[str]) -> str:
    advice = suggest(text, list(dict.fromkeys(known))[:_SHOWN])
    more = len(set(known)) - _SHOWN
    is_list = advice.startswith("known here")
    return f"{advice} and {more} more" if is_list and more > 0 else advice
