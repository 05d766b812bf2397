"""FCS files: one streaming pass to classes. They take seconds, so they run where Snakemake runs."""

from chc_gating.workflow.flow import FlowJobs

FLOW = FlowJobs(BATCH)


rule gate_flow:
    input:
        raw=FLOW.existing_raw_file,
        panel=FLOW.panel_file,
        gates=FLOW.gates_file,
        gates_source=FLOW.gates_source,
        spillover=FLOW.spillover_files,
        cutoffs=FLOW.cutoffs_files,
    output:
        multiext(f"{RESULTS}/acquisitions/{{acquisition}}/", *layout.FLOW_FILES),
    log:
        "logs/acquisitions/{acquisition}/gate-flow.log",
    benchmark:
        "benchmarks/acquisitions/{acquisition}/gate-flow.tsv"
    wildcard_constraints:
        acquisition=FLOW.pattern,
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=30,
    params:
        raw=FLOW.raw_file,
        options=FLOW.gate_flow_options,
        folder=FLOW.folder,
        version=__version__,
    shell:
        "chc gate-flow {params.raw:q} --panel {input.panel:q} --gates {input.gates:q}"
        " {params.options} --output {params.folder:q} --threads {threads}"
        " --record-faults 2> {log:q}"
