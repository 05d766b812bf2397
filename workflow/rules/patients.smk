"""Patients: the draws of each over time."""

from chc_gating.workflow.patients import PatientJobs

PATIENTS = PatientJobs(BATCH)


wildcard_constraints:
    patient=PATIENTS.pattern,


rule monitor:
    input:
        counts=PATIENTS.counts,
        limits=PATIENTS.limits,
    output:
        record=f"{RESULTS}/patients/{{patient}}/monitor.json",
        page=report(
            f"{RESULTS}/patients/{{patient}}/monitor.html",
            category="Patients",
            labels={"patient": "{patient}"},
        ),
    log:
        "logs/patients/{patient}/monitor.log",
    benchmark:
        "benchmarks/patients/{patient}/monitor.tsv"
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
        rows=PATIENTS.rows,
        folder=PATIENTS.folder,
        version=__version__,
    shell:
        "chc monitor {params.config:q} --patient {wildcards.patient:q}"
        " --results {params.results:q} --output {params.folder:q} 2> {log:q}"
