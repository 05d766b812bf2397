"""Reads FCS files with one peer, each file in a process of its own that may crash or hang.

    python benchmarks/peer_reads.py PEER < requests

A request is one line of JSON: path, linear (whether scales are applied), values (where the events
are saved as .npy) and spillover (whether the matrix of the keyword is asked for). The answer is
one line too: the kind of outcome, names, keywords, warnings. It runs in the peers' environment and
imports nothing of the project.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import multiprocessing
import resource
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

TIMEOUT_S = 30
MEMORY_BYTES = 6 << 30
Read = tuple[np.ndarray, list[str], dict[str, str]]


def read_with_flowio(path: str, *, linear: bool) -> Read:
    """Read as flowio documents, all its checks on."""
    import flowio

    data = flowio.FlowData(path)
    return data.as_array(preprocess=linear), list(data.pnn_labels), data.text


def read_with_flowkit(path: str, *, linear: bool) -> Read:
    """Read as a FlowKit sample."""
    import flowkit

    sample = flowkit.Sample(path, preprocess=linear, sample_id="a")
    return sample.get_events("raw"), list(sample.pnn_labels), sample.get_metadata()


def read_with_fcsparser(path: str, *, linear: bool) -> Read:
    """Read the stored values, which is all it gives."""
    import fcsparser

    text, table = fcsparser.parse(path, reformat_meta=False)
    return table.to_numpy(), [str(name) for name in table.columns], text


def read_with_flowcal(path: str, *, linear: bool) -> Read:
    """Read with FlowCal, to relative fluorescence where it is linear."""
    import FlowCal

    data = FlowCal.io.FCSData(path)
    text, names = dict(data.text), list(data.channels)
    if linear:
        data = FlowCal.transform.to_rfi(data)
    return np.asarray(data), names, text


def spillover_of_flowkit(path: str) -> np.ndarray:
    """Return the matrix that FlowKit makes of the file's keyword."""
    import flowkit

    sample = flowkit.Sample(path, sample_id="a")
    sample.apply_compensation(sample.get_metadata()["spillover"])
    return np.asarray(sample.compensation.matrix)


READERS: dict[str, Callable[..., Read]] = {
    "flowio": read_with_flowio,
    "FlowKit": read_with_flowkit,
    "fcsparser": read_with_fcsparser,
    "FlowCal": read_with_flowcal,
}


def answer(peer: str, request: dict[str, Any], channel: Any) -> None:
    """Read one file and send what came of it."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            if request["spillover"]:
                values, names, text = spillover_of_flowkit(request["path"]), [], {}
            else:
                values, names, text = READERS[peer](request["path"], linear=request["linear"])
            np.save(request["values"], np.asarray(values, dtype=np.float64))
        except BaseException as error:
            channel.send(describe_error(error, peer))
            return
    said = [w for w in caught if not issubclass(w.category, (DeprecationWarning, FutureWarning))]
    keywords = {str(k): v for k, v in text.items() if isinstance(v, str)}
    channel.send({"kind": "data", "names": names, "text": keywords, "warned": bool(said)})


def describe_error(error: BaseException, peer: str) -> dict[str, Any]:
    """Return whether the peer refused by a raise of its own, or fell over in its own code."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    of_peer = any(f"/{name}/" in last.filename for name in (peer.lower(), peer, "flowio"))
    refused = of_peer and (last.line or "").lstrip().startswith("raise")
    return {"kind": "refused" if refused else "crashed", "error": type(error).__name__}


def run(peer: str) -> None:
    """Answer requests until there are none."""
    # Imported once, here, so that a read does not pay for it.
    importlib.import_module(peer.lower() if peer != "FlowCal" else peer)
    print(json.dumps({"version": importlib.metadata.version(peer)}), flush=True)
    context = multiprocessing.get_context("fork")
    for line in sys.stdin:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=answer, args=(peer, json.loads(line), sender))
        process.start()
        sender.close()
        outcome: dict[str, Any] = {"kind": "hung"}
        if receiver.poll(TIMEOUT_S):
            try:
                outcome = receiver.recv()
            except EOFError:
                outcome = {"kind": "died"}
        else:
            process.kill()
        process.join()
        print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    run(sys.argv[1])
