rule gate_flow:
    input:
        raw=PLAN.existing_raw_file,
        panel=PLAN.panel_file,
        gates=PLAN.gates_file,
        gates_source=PLAN.gates_source,
        spillover=PLAN.spillover_files,
    output:
        multiext(f"{RESULTS}/acquisitions/{{acquisition}}/", *layout.FLOW_FILES),
    log:
        "logs/acquisitions/{acquisition}/gate-flow.log",
    benchmark:
        "benchmarks/acquisitions/{acquisition}/gate-flow.tsv"
    wildcard_constraints:
        acquisition=PLAN.flow_pattern,
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=30,
    params:
        raw=PLAN.raw_file,
        options=PLAN.gate_flow_options,
        folder=PLAN.acquisition_folder,
        version=__version__,
    shell:
        "chc gate-flow {params.raw:q} --panel {input.panel:q} --gates {input.gates:q}"
        " {params.options} --output {params.folder:q} --threads {threads}"
        " --record-faults 2> {log:q}"
