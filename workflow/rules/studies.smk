"""The paper's tables and figures: `snakemake table1`, and `fig4` and `table2_to_4` of any run."""


wildcard_constraints:
    comparison="|".join(map(re.escape, PROJECT.comparisons)) or "(?!)",


rule comparison:
    input:
        plan="results/{dataset}/comparisons/{comparison}/_plan.json",
        scores=compared,
    output:
        scores=update("results/{dataset}/comparisons/{comparison}/scores.csv"),
        table=report(
            update("results/{dataset}/comparisons/{comparison}/table.csv"),
            caption="../report/comparison.rst",
            category="Comparisons",
            subcategory="{comparison}",
            labels={"what": "mIoU, mean and SD over the seeds"},
        ),
        markdown=update("results/{dataset}/comparisons/{comparison}/table.md"),
        latex=update("results/{dataset}/comparisons/{comparison}/table.tex"),
        figure=report(
            update("results/{dataset}/comparisons/{comparison}/figure.png"),
            caption="../report/comparison.rst",
            category="Comparisons",
            subcategory="{comparison}",
            labels={"what": "figure"},
        ),
    log:
        "results/{dataset}/comparisons/{comparison}/_logs/comparison.log",
    benchmark:
        "results/{dataset}/comparisons/{comparison}/_benchmarks/comparison.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code("comparison"),
    message:
        "Comparison {wildcards.comparison}"
    shell:
        "python -m bes comparison --plan {input.plan} --code {params.code} > {log} 2>&1"


rule boundary_scores:
    input:
        images=within("dataset", "images.csv"),
        classes=within("dataset", "classes.json"),
        boundary_maps=shards("boundary_maps"),
        cams=shards("cams"),
        pseudo_labels=shards("pseudo_labels"),
    output:
        scores=update("results/{dataset}/{experiment}/boundary_scores/scores.json"),
        curve=update("results/{dataset}/{experiment}/boundary_scores/curve.csv"),
        figure=report(
            update("results/{dataset}/{experiment}/boundary_scores/curve.png"),
            caption="../report/boundary_scores.rst",
            category="Scores",
            labels={
                "experiment": "{experiment}",
                "what": "boundary precision and recall",
            },
        ),
    log:
        "results/{dataset}/{experiment}/boundary_scores/_logs/boundary_scores.log",
    benchmark:
        "results/{dataset}/{experiment}/boundary_scores/_benchmarks/boundary_scores.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 8
    resources:
        mem_mb=4000,
        runtime=480,
    params:
        dataset=folder("dataset"),
        boundary_maps=folder("boundary_maps"),
        cams=folder("cams"),
        pseudo_labels=folder("pseudo_labels"),
        out=folder("boundary_scores"),
        flags=flags("boundary_scores"),
        code=code("boundary_scores"),
    message:
        "Boundary scores of {wildcards.experiment}"
    shell:
        "python -m bes boundary_scores --dataset {params.dataset} "
        "--boundary-maps {params.boundary_maps} --cams {params.cams} "
        "--pseudo-labels {params.pseudo_labels} --out {params.out} "
        "--threads {threads} --code {params.code} {params.flags} > {log} 2>&1"


rule tables:
    input:
        images=within("dataset", "images.csv"),
        classes=within("dataset", "classes.json"),
        scores=within("evaluation", "scores.json"),
    output:
        report(
            update("results/{dataset}/{experiment}/tables/per_class.csv"),
            caption="../report/tables.rst",
            category="Scores",
            labels={"experiment": "{experiment}", "what": "beside published rows"},
        ),
        update(
            expand(
                "results/{{dataset}}/{{experiment}}/tables/{file}",
                file=[
                    "per_class.md",
                    "per_class.tex",
                    "methods.csv",
                    "methods.md",
                    "methods.tex",
                ],
            )
        ),
    log:
        "results/{dataset}/{experiment}/tables/_logs/tables.log",
    benchmark:
        "results/{dataset}/{experiment}/tables/_benchmarks/tables.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        dataset=folder("dataset"),
        evaluation=folder("evaluation"),
        out="results/{dataset}/{experiment}/tables",
        code=code("tables"),
    message:
        "Tables of {wildcards.experiment}"
    shell:
        "python -m bes tables --dataset {params.dataset} --evaluation {params.evaluation} "
        "--title {wildcards.experiment} --out {params.out} --code {params.code} > {log} 2>&1"


rule fig4:
    input:
        of_experiments("boundary_scores", "curve.png"),
    localrule: True
    message:
        "Boundary scores are up to date"


rule table2_to_4:
    input:
        [
            folder.parent / "tables" / "per_class.csv"
            for folder in of_experiments("evaluation", "")
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
