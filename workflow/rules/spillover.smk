"""Spillover as a result of its own: of a table, or of single-stained slides."""

from chc_gating.workflow.spillover import SpilloverJobs

SPILLOVER = SpilloverJobs(BATCH)


rule spillover:
    input:
        panel=SPILLOVER.panel_file,
        table=SPILLOVER.table,
    output:
        f"{RESULTS}/controls/{{panel}}/-/spillover.json",
    log:
        "logs/controls/{panel}/-/spillover.log",
    benchmark:
        "benchmarks/controls/{panel}/-/spillover.tsv"
    wildcard_constraints:
        panel=SPILLOVER.table_pattern,
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=300,
        runtime=5,
    params:
        version=__version__,
    shell:
        "chc spillover {input.table:q} --panel {input.panel:q} --output {output:q} 2> {log:q}"


rule spillover_of_controls:
    input:
        panel=SPILLOVER.panel_file,
        slides=SPILLOVER.existing_single_stains,
    output:
        f"{RESULTS}/controls/{{panel}}/{{control_set}}/spillover.json",
    log:
        "logs/controls/{panel}/{control_set}/spillover.log",
    benchmark:
        "benchmarks/controls/{panel}/{control_set}/spillover.tsv"
    wildcard_constraints:
        panel=SPILLOVER.controls_pattern,
        control_set="[^/]+",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        slides=SPILLOVER.single_stain_options,
        version=__version__,
    shell:
        "chc spillover {params.slides} --panel {input.panel:q} --output {output:q}"
        " --record-faults 2> {log:q}"
