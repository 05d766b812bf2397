"""Draws: acquisitions to a count, and the page that shows it."""

from chc_gating.workflow.draws import DrawJobs

DRAWS = DrawJobs(BATCH)


wildcard_constraints:
    draw=DRAWS.pattern,


rule count:
    input:
        DRAWS.count_inputs,
    output:
        f"{RESULTS}/draws/{{draw}}/count.json",
    log:
        "logs/draws/{draw}/count.log",
    benchmark:
        "benchmarks/draws/{draw}/count.tsv"
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=300,
        runtime=5,
    params:
        config=CONFIG,
        results=results_folder,
        rows=DRAWS.rows,
        version=__version__,
    shell:
        "chc count {params.config:q} --draw {wildcards.draw:q} --results {params.results:q}"
        " --output {output:q} 2> {log:q}"


rule report_draw:
    input:
        counted=f"{RESULTS}/draws/{{draw}}/count.json",
        limits=DRAWS.limits,
        acquisitions=DRAWS.page_inputs,
    output:
        report(
            f"{RESULTS}/draws/{{draw}}/report.html",
            category="Draws",
            labels={"draw": "{draw}"},
        ),
    log:
        "logs/draws/{draw}/report-draw.log",
    benchmark:
        "benchmarks/draws/{draw}/report-draw.tsv"
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
        rows=DRAWS.rows,
        judging=DRAWS.judging,
        version=__version__,
    shell:
        "chc report-draw {params.config:q} --draw {wildcards.draw:q}"
        " --results {params.results:q} --output {output:q} 2> {log:q}"
