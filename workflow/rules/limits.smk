"""Limits: the background of healthy donors. Pages take them in, counts never."""

from chc_gating.workflow.limits import LimitJobs

LIMITS = LimitJobs(BATCH)


wildcard_constraints:
    panel="[^/]+",
    gates="[^/]+",
    lot="[^/]+",


rule limits:
    input:
        counts=LIMITS.donor_counts,
        earlier=LIMITS.earlier_limits,
    output:
        f"{RESULTS}/limits/{{panel}}/{{gates}}/{{lot}}/limits.json",
    log:
        "logs/limits/{panel}/{gates}/{lot}/limits.log",
    benchmark:
        "benchmarks/limits/{panel}/{gates}/{lot}/limits.tsv"
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        config=CONFIG,
        results=results_folder,
        facts=LIMITS.facts,
        version=__version__,
    shell:
        "chc limits {params.config:q} --panel {wildcards.panel:q} --gates {wildcards.gates:q}"
        " --lot {wildcards.lot:q} --results {params.results:q} --output {output:q} 2> {log:q}"
