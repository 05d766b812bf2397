rule limits:
    input:
        counts=PLAN.donor_counts,
        earlier=PLAN.earlier_limits,
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
        config=PLAN.config_path,
        results=results_folder,
        facts=PLAN.limits_facts,
        version=__version__,
    shell:
        "chc limits {params.config:q} --panel {wildcards.panel:q} --gates {wildcards.gates:q}"
        " --lot {wildcards.lot:q} --results {params.results:q} --output {output:q} 2> {log:q}"
