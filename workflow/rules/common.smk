"""The batch, read by the package's own loader; where results lie; how a rule calls `chc`."""

import sys

sys.path.insert(0, str(workflow.basedir))

from chc_gating import __version__
from chc_gating.batch import layout
from chc_gating.stages.plan_workflow import plan_workflow

PLAN = plan_workflow(
    configfiles=workflow.overwrite_configfiles,
    overrides=workflow.config_settings.config,
)
RESULTS = PLAN.results

# Not a param: another interpreter or folder must not re-run what is done.
# (A line that begins with `conda=` would be read as a directive, so it is named before.)
IN_CONDA = "conda" in map(str, workflow.deployment_settings.deployment_method)
shell.prefix(PLAN.shell_prefix(basedir=workflow.basedir, conda=IN_CONDA))


wildcard_constraints:
    draw=PLAN.draw_pattern,
    patient=PLAN.patient_pattern,
    panel="[^/]+",
    gates="[^/]+",
    lot="[^/]+",


def results_folder(wildcards):
    """Return the folder of results; lint takes a plain text here for a hard-coded output."""
    return RESULTS
