"""Slides: raw tiles to one image, its nuclei, cells and classes."""

from chc_gating.model.segmentation import TOOLS
from chc_gating.workflow.image import ImageJobs

IMAGE = ImageJobs(BATCH)


rule stitch:
    input:
        tiles=IMAGE.existing_tile_files,
        panel=IMAGE.panel_file,
    output:
        multiext(f"{RESULTS}/acquisitions/{{acquisition}}/", *layout.STITCH_FILES),
    log:
        "logs/acquisitions/{acquisition}/stitch.log",
    benchmark:
        "benchmarks/acquisitions/{acquisition}/stitch.tsv"
    wildcard_constraints:
        acquisition=IMAGE.pattern,
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        tiles=IMAGE.raw_file,
        options=IMAGE.stitch_options,
        folder=IMAGE.folder,
        version=__version__,
    shell:
        "chc stitch {params.tiles:q} --panel {input.panel:q} {params.options}"
        " --output {params.folder:q} --threads {threads} --record-faults 2> {log:q}"


rule segment:
    input:
        raw=IMAGE.existing_slide,
        panel=IMAGE.panel_file,
        labels=IMAGE.segment_labels,
    output:
        multiext(f"{RESULTS}/acquisitions/{{acquisition}}/", *layout.SEGMENT_FILES),
    log:
        "logs/acquisitions/{acquisition}/segment.log",
    benchmark:
        "benchmarks/acquisitions/{acquisition}/segment.tsv"
    wildcard_constraints:
        acquisition=IMAGE.pattern,
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        raw=IMAGE.slide_file,
        options=IMAGE.segment_options,
        folder=IMAGE.folder,
        version=__version__,
    shell:
        "chc segment {params.raw:q} --panel {input.panel:q} {params.options}"
        " --output {params.folder:q} --threads {threads} --record-faults 2> {log:q}"


rule measure:
    input:
        raw=IMAGE.existing_slide,
        panel=IMAGE.panel_file,
        labels=multiext(
            f"{RESULTS}/acquisitions/{{acquisition}}/", *layout.SEGMENT_FILES
        ),
    output:
        multiext(f"{RESULTS}/acquisitions/{{acquisition}}/", *layout.MEASURE_FILES),
    log:
        "logs/acquisitions/{acquisition}/measure.log",
    benchmark:
        "benchmarks/acquisitions/{acquisition}/measure.tsv"
    wildcard_constraints:
        acquisition=IMAGE.pattern,
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        raw=IMAGE.slide_file,
        options=IMAGE.measure_options,
        folder=IMAGE.folder,
        version=__version__,
    shell:
        "chc measure {params.raw:q} --panel {input.panel:q} --labels {params.folder:q}"
        " {params.options} --output {params.folder:q} --threads {threads}"
        " --record-faults 2> {log:q}"


rule gate_image:
    input:
        raw=IMAGE.existing_slide,
        panel=IMAGE.panel_file,
        gates=IMAGE.gates_file,
        gates_source=IMAGE.gates_source,
        spillover=IMAGE.spillover_files,
        cutoffs=IMAGE.cutoffs_files,
        measured=multiext(
            f"{RESULTS}/acquisitions/{{acquisition}}/",
            *layout.MEASURE_FILES,
            layout.LABELS,
        ),
    output:
        multiext(f"{RESULTS}/acquisitions/{{acquisition}}/", *layout.IMAGE_FILES),
    log:
        "logs/acquisitions/{acquisition}/gate-image.log",
    benchmark:
        "benchmarks/acquisitions/{acquisition}/gate-image.tsv"
    wildcard_constraints:
        acquisition=IMAGE.pattern,
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        raw=IMAGE.slide_file,
        options=IMAGE.gate_image_options,
        folder=IMAGE.folder,
        version=__version__,
    shell:
        "chc gate-image {params.folder:q} --slide {params.raw:q} --panel {input.panel:q}"
        " --gates {input.gates:q} {params.options} --output {params.folder:q}"
        " --threads {threads} --record-faults 2> {log:q}"


# Optional: `segmentation: {method: external, tool: TOOL, weights: PATH}` in a panel. Each tool has
# an environment of its own (`--sdm conda`, or install it beside the project).
for tool in TOOLS:

    rule:
        name:
            f"segment_{tool}"
        input:
            raw=IMAGE.existing_slide,
            panel=IMAGE.panel_file,
            weights=IMAGE.tool_weights,
        output:
            f"{RESULTS}/acquisitions/{{acquisition}}/{layout.EXTERNAL_LABELS}",
        log:
            f"logs/acquisitions/{{acquisition}}/segment-{tool}.log",
        benchmark:
            f"benchmarks/acquisitions/{{acquisition}}/segment-{tool}.tsv"
        wildcard_constraints:
            acquisition=IMAGE.tool_pattern(tool),
        conda:
            f"../envs/{tool}.yaml"
        threads: 1
        resources:
            mem_mb=8000,
            runtime=1440,
        params:
            raw=IMAGE.slide_file,
            options=IMAGE.tool_options,
            script=workflow.source_path("../scripts/segment_external.py"),
        shell:
            "python {params.script:q} {params.raw:q} --weights {input.weights:q}"
            " {params.options} --output {output:q} 2> {log:q}"
