"""Raw FCS files and slide images in, CHC and CTC counts per 7.5 mL out."""

from snakemake.utils import min_version

min_version("9.0")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/spillover.smk"
include: "workflow/rules/flow.smk"
include: "workflow/rules/image.smk"
include: "workflow/rules/draws.smk"
include: "workflow/rules/batch.smk"


rule all:
    default_target: True
    input:
        PLAN.targets,


onsuccess:
    print(PLAN.closing_lines())


onerror:
    print(PLAN.closing_lines())
