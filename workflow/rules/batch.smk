rule report_batch:
    input:
        counts=PLAN.all_counts,
        pages=PLAN.all_pages,
        limits=PLAN.all_limits,
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
        config=PLAN.config_path,
        results=results_folder,
        folder=subpath(output.page, parent=True),
        judging=PLAN.judging_settings,
        version=__version__,
    shell:
        "chc report-batch {params.config:q} --results {params.results:q}"
        " --output {params.folder:q} 2> {log:q}"


rule require_counted:
    input:
        f"{RESULTS}/batch/counts.tsv",
    output:
        f"{RESULTS}/batch/strict.json",
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
