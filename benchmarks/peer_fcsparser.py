"""The fastest path of a peer: fcsparser and numpy in float32. Runs in the peers' environment.

.venv-peers/bin/python benchmarks/peer_fcsparser.py FILE GATES_AS_JSON
"""

import json
import sys

import fcsparser
import numpy as np

path, given = sys.argv[1], json.loads(sys.argv[2])
meta, frame = fcsparser.parse(path, reformat_meta=False)
names = list(frame.columns)
events = frame.to_numpy(dtype=np.float32, copy=False)
fields = meta["$SPILLOVER"].split(",")
k = int(fields[0])
stained = fields[1 : k + 1]
inverse = np.linalg.inv(np.array(fields[k + 1 :], dtype=float).reshape(k, k))
pure = events[:, [names.index(name) for name in stained]] @ inverse.astype(np.float32)
high = {
    marker: pure[:, stained.index(channel)] >= given["cuts"][marker]
    for marker, channel in given["markers"].items()
}
fsc, height, ssc = (events[:, names.index(name)] for name in ("FSC-A", "FSC-H", "SSC-A"))
intact = (fsc >= given["intact"]["FSC-A"][0]) & (ssc < given["intact"]["SSC-A"][1])
ratio = fsc / height
singlet = intact & (ratio >= given["singlet"][0]) & (ratio < given["singlet"][1])
viable = singlet & ~high["VIA"]
epithelial = high["EPCAM"] | high["CK"]
masks = {
    "intact": intact,
    "singlet": singlet,
    "viable": viable,
    "CHC": viable & high["CD45"] & epithelial,
    "CTC": viable & ~high["CD45"] & epithelial,
    "leukocyte": viable & high["CD45"] & ~epithelial,
}
print(json.dumps({name: int(mask.sum()) for name, mask in masks.items()}))
