rule monitor:
    input:
        counts=PLAN.monitor_inputs,
        limits=PLAN.limits_of_patient,
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
        config=PLAN.config_path,
        results=results_folder,
        rows=PLAN.patient_rows,
        folder=PLAN.patient_folder,
        version=__version__,
    shell:
        "chc monitor {params.config:q} --patient {wildcards.patient:q}"
        " --results {params.results:q} --output {params.folder:q} 2> {log:q}"
