"""The batch, read by the package's own loader; where results lie; how a rule calls `chc`.

What the rules of NAME.smk ask of the batch is in chc_gating/workflow/NAME.py.
"""

import sys

sys.path.insert(0, str(workflow.basedir))

from chc_gating import __version__
from chc_gating.batch import layout
from chc_gating.workflow.common import load_batch_or_exit, write_shell_prefix

BATCH = load_batch_or_exit(
    configfiles=workflow.overwrite_configfiles,
    overrides=workflow.config_settings.config,
)
CONFIG = BATCH.config_path
RESULTS = BATCH.results_folder.as_posix()

# Not a param: another interpreter or folder must not re-run what is done.
# (A line that begins with `conda=` would be read as a directive, so it is named before.)
IN_CONDA = "conda" in map(str, workflow.deployment_settings.deployment_method)
shell.prefix(write_shell_prefix(basedir=workflow.basedir, conda=IN_CONDA))


def results_folder(wildcards):
    """Return the folder of results; lint takes a plain text here for a hard-coded output."""
    return RESULTS
