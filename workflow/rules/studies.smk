"""The paper's tables and figures: `snakemake table1`, and `fig4` and `table2_to_4` of any run."""


wildcard_constraints:
    comparison="|".join(map(re.escape, PROJECT.comparisons)) or "(?!)",


rule comparison:
    input:
        scores=made(compared),
    output:
        scores="results/{dataset}/comparisons/{comparison}/scores.csv",
        table=report(
            "results/{dataset}/comparisons/{comparison}/table.csv",
            caption="../report/comparison.rst",
            category="Comparisons",
            subcategory="{comparison}",
            labels={"what": "mIoU, mean and SD over the seeds"},
        ),
        markdown="results/{dataset}/comparisons/{comparison}/table.md",
        latex="results/{dataset}/comparisons/{comparison}/table.tex",
        figure=report(
            "results/{dataset}/comparisons/{comparison}/figure.png",
            caption="../report/comparison.rst",
            category="Comparisons",
            subcategory="{comparison}",
            labels={"what": "figure"},
        ),
        receipt="results/{dataset}/comparisons/{comparison}/_receipts/whole.json",
    log:
        "results/{dataset}/comparisons/{comparison}/_logs/comparison.log",
    benchmark:
        "results/{dataset}/comparisons/{comparison}/_benchmarks/comparison.tsv"
    # The plan is where the run is started.
    localrule: STORED
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=more(2000),
        runtime=more(10),
    params:
        plan=lambda wildcards: HERE.comparison_folder(wildcards.comparison)
        / "_plan.json",
        code=comparison_code(),
    message:
        "Comparison {wildcards.comparison}"
    shell:
        "python -m bes comparison --plan {params.plan} --code {params.code} --log {log}"


rule boundary_scores:
    input:
        images=table("images.csv"),
        classes=table("classes.json"),
        manifest=manifest(),
        boundary_maps=shards("boundary_maps"),
        cams=shards("cams"),
        pseudo_labels=shards("pseudo_labels"),
    output:
        scores="results/{dataset}/{experiment}/boundary_scores/scores.json",
        curve="results/{dataset}/{experiment}/boundary_scores/curve.csv",
        figure=report(
            "results/{dataset}/{experiment}/boundary_scores/curve.png",
            caption="../report/boundary_scores.rst",
            category="Scores",
            labels={
                "experiment": "{experiment}",
                "what": "boundary precision and recall",
            },
        ),
        receipt="results/{dataset}/{experiment}/boundary_scores/_receipts/whole.json",
    log:
        "results/{dataset}/{experiment}/boundary_scores/_logs/boundary_scores.log",
    benchmark:
        "results/{dataset}/{experiment}/boundary_scores/_benchmarks/boundary_scores.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 8
    resources:
        mem_mb=more(4000),
        runtime=more(480),
    params:
        command=command("boundary_scores"),
    message:
        "Boundary scores of {wildcards.experiment}"
    shell:
        "python -m bes boundary_scores {params.command} "
        "--threads {threads} --log {log}"


rule tables:
    input:
        images=table("images.csv"),
        classes=table("classes.json"),
        manifest=manifest(),
        evaluation=receipt_of("evaluation"),
        scores=within("evaluation", "scores.json"),
    output:
        report(
            "results/{dataset}/{experiment}/tables/per_class.csv",
            caption="../report/tables.rst",
            category="Scores",
            labels={"experiment": "{experiment}", "what": "beside published rows"},
        ),
        expand(
            "results/{{dataset}}/{{experiment}}/tables/{file}",
            file=[
                "per_class.md",
                "per_class.tex",
                "methods.csv",
                "methods.md",
                "methods.tex",
            ],
        ),
        receipt="results/{dataset}/{experiment}/tables/_receipts/whole.json",
    log:
        "results/{dataset}/{experiment}/tables/_logs/tables.log",
    benchmark:
        "results/{dataset}/{experiment}/tables/_benchmarks/tables.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=more(2000),
        runtime=more(10),
    params:
        command=command("tables"),
    message:
        "Tables of {wildcards.experiment}"
    shell:
        "python -m bes tables {params.command} " "--threads {threads} --log {log}"


rule fig4:
    input:
        of_experiments("boundary_scores", "curve.png"),
    localrule: True
    message:
        "Boundary scores are up to date"


rule table2_to_4:
    input:
        [
            file
            for experiment in {
                PROJECT.home(name, "evaluation"): None for name in PROJECT.experiments
            }
            for home in [PROJECT.folder(experiment, "tables")]
            for file in [home / "per_class.csv", *receipts_of("tables", home, [])]
        ],
    localrule: True
    message:
        "Tables are up to date"


# A comparison is a target by its name.
for name in PROJECT.comparisons:

    rule:
        name:
            name
        input:
            comparison_files(name),
        localrule: True
        message:
            "Comparison {rule} is up to date"
