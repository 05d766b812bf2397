"""Raw FCS files and slide images in, CHC and CTC counts per 7.5 mL out."""

from snakemake.utils import min_version

min_version("9.0")


# Loads the batch and stops with all its faults; so it comes before the directive below, which
# would stop with less to say.
include: "workflow/rules/common.smk"


configfile: "config/config.yaml"


include: "workflow/rules/spillover.smk"
include: "workflow/rules/flow.smk"
include: "workflow/rules/image.smk"
include: "workflow/rules/cutoffs.smk"
include: "workflow/rules/draws.smk"
include: "workflow/rules/limits.smk"
include: "workflow/rules/patients.smk"
include: "workflow/rules/batch.smk"


rule all:
    default_target: True
    input:
        WHOLE_BATCH.targets,


onsuccess:
    print(WHOLE_BATCH.closing_lines())


onerror:
    print(WHOLE_BATCH.closing_lines())
