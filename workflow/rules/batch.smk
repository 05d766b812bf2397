"""The batch: groups, tables, its page, and with `strict` the check that all was counted."""

from chc_gating.workflow.batch import BatchJobs

WHOLE_BATCH = BatchJobs(BATCH)


rule cohort:
    input:
        WHOLE_BATCH.counts,
    output:
        f"{RESULTS}/batch/{layout.COHORT}",
    log:
        "logs/batch/cohort.log",
    benchmark:
        "benchmarks/batch/cohort.tsv"
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        config=CONFIG,
        results=results_folder,
        version=__version__,
    shell:
        "chc cohort {params.config:q} --results {params.results:q}"
        " --output {output:q} 2> {log:q}"


rule report_batch:
    input:
        counts=WHOLE_BATCH.counts,
        pages=WHOLE_BATCH.pages,
        limits=WHOLE_BATCH.limits,
        cohort=f"{RESULTS}/batch/{layout.COHORT}",
    output:
        tables=multiext(f"{RESULTS}/batch/", *layout.BATCH_TABLES),
        page=report(f"{RESULTS}/batch/report.html", category="Batch"),
    log:
        "logs/batch/report-batch.log",
    benchmark:
        "benchmarks/batch/report-batch.tsv"
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        config=CONFIG,
        results=results_folder,
        folder=subpath(output.page, parent=True),
        judging=WHOLE_BATCH.judging,
        version=__version__,
    shell:
        "chc report-batch {params.config:q} --results {params.results:q}"
        " --cohort {input.cohort:q} --output {params.folder:q} 2> {log:q}"


rule require_counted:
    input:
        f"{RESULTS}/batch/counts.tsv",
    output:
        f"{RESULTS}/batch/{layout.STRICT}",
    log:
        "logs/batch/require-counted.log",
    benchmark:
        "benchmarks/batch/require-counted.tsv"
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
        "chc require-counted {input:q} --output {output:q} 2> {log:q}"
