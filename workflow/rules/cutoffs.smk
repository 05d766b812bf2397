"""Cuts from controls: their slides to cells, as a sample's, and these to cuts."""

from chc_gating.workflow.cutoffs import CutoffJobs

CUTOFFS = CutoffJobs(BATCH)


rule segment_control:
    input:
        raw=CUTOFFS.existing_raw_file,
        panel=CUTOFFS.panel_of_control,
    output:
        multiext(f"{RESULTS}/control_slides/{{control}}/", *layout.SEGMENT_FILES),
    log:
        "logs/control_slides/{control}/segment.log",
    benchmark:
        "benchmarks/control_slides/{control}/segment.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        raw=CUTOFFS.raw_file,
        options=CUTOFFS.opening_options,
        folder=CUTOFFS.folder,
        version=__version__,
    shell:
        "chc segment {params.raw:q} --panel {input.panel:q} {params.options}"
        " --output {params.folder:q} --threads {threads} --record-faults 2> {log:q}"


rule measure_control:
    input:
        raw=CUTOFFS.existing_raw_file,
        panel=CUTOFFS.panel_of_control,
        labels=multiext(f"{RESULTS}/control_slides/{{control}}/", *layout.SEGMENT_FILES),
    output:
        multiext(f"{RESULTS}/control_slides/{{control}}/", *layout.MEASURE_FILES),
    log:
        "logs/control_slides/{control}/measure.log",
    benchmark:
        "benchmarks/control_slides/{control}/measure.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        raw=CUTOFFS.raw_file,
        options=IMAGE.measure_options,
        folder=CUTOFFS.folder,
        version=__version__,
    shell:
        "chc measure {params.raw:q} --panel {input.panel:q} --labels {params.folder:q}"
        " {params.options} --output {params.folder:q} --threads {threads}"
        " --record-faults 2> {log:q}"


rule cutoffs:
    input:
        measured=CUTOFFS.measured,
        panel=CUTOFFS.panel_file,
        gates=CUTOFFS.gates_file,
        gates_source=CUTOFFS.gates_source,
        spillover=CUTOFFS.spillover_files,
    output:
        f"{RESULTS}/controls/{{panel}}/{{control_set}}/{{gates}}/cutoffs.json",
    log:
        "logs/controls/{panel}/{control_set}/{gates}/cutoffs.log",
    benchmark:
        "benchmarks/controls/{panel}/{control_set}/{gates}/cutoffs.tsv"
    wildcard_constraints:
        control_set="[^/]+",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        options=CUTOFFS.options,
        version=__version__,
    shell:
        "chc cutoffs {params.options} --panel {input.panel:q} --gates {input.gates:q}"
        " --output {output:q} --record-faults 2> {log:q}"
