rule spillover:
    input:
        panel=PLAN.panel_file_of_panel,
        table=PLAN.spillover_table,
    output:
        f"{RESULTS}/controls/{{panel}}/-/spillover.json",
    log:
        "logs/controls/{panel}/-/spillover.log",
    benchmark:
        "benchmarks/controls/{panel}/-/spillover.tsv"
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
