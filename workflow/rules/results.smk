"""Scores, the ranking of the labels, and the report."""


rule evaluation:
    input:
        images=table("images.csv"),
        classes=table("classes.json"),
        manifest=manifest(),
        cams=shards("cams"),
        revised_maps=shards("revised_maps"),
        pseudo_labels=shards("pseudo_labels"),
        predictions=shards("predictions") if "predictions" in PROJECT.wanted else [],
    output:
        "results/{dataset}/{experiment}/evaluation/scores.json",
        "results/{dataset}/{experiment}/evaluation/per_class.csv",
        "results/{dataset}/{experiment}/evaluation/thresholds.csv",
        receipt="results/{dataset}/{experiment}/evaluation/_receipts/whole.json",
    log:
        "results/{dataset}/{experiment}/evaluation/_logs/evaluation.log",
    benchmark:
        "results/{dataset}/{experiment}/evaluation/_benchmarks/evaluation.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 8
    resources:
        mem_mb=more(2000),
        runtime=more(60),
    params:
        command=command("evaluation"),
    message:
        "Scores of {wildcards.experiment}"
    shell:
        "python -m bes evaluation {params.command} " "--threads {threads} --log {log}"


rule quality:
    input:
        images=table("images.csv"),
        classes=table("classes.json"),
        manifest=manifest(),
        boundary_maps=shards("boundary_maps"),
        revised_maps=shards("revised_maps"),
        foreground=where_read("quality", "foreground"),
        teacher_maps=where_read("quality", "teacher_maps"),
        revised_teacher_maps=where_read("quality", "revised_teacher_maps"),
        pseudo_labels=shards("pseudo_labels"),
    output:
        ranking=report(
            "results/{dataset}/{experiment}/quality/ranking.csv",
            caption="../report/ranking.rst",
            category="Trust",
            labels={"experiment": "{experiment}", "what": "ranking of the labels"},
        ),
        sheet=report(
            "results/{dataset}/{experiment}/quality/suspicious.jpg",
            caption="../report/suspicious.rst",
            category="Trust",
            labels={"experiment": "{experiment}", "what": "least trusted labels"},
        ),
        thresholds="results/{dataset}/{experiment}/quality/thresholds.jpg",
        receipt="results/{dataset}/{experiment}/quality/_receipts/whole.json",
    log:
        "results/{dataset}/{experiment}/quality/_logs/quality.log",
    benchmark:
        "results/{dataset}/{experiment}/quality/_benchmarks/quality.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 8
    resources:
        mem_mb=more(4000),
        runtime=more(60),
    params:
        command=command("quality"),
    message:
        "Ranking of the labels of {wildcards.experiment}"
    shell:
        "python -m bes quality {params.command} " "--threads {threads} --log {log}"


rule report:
    input:
        images=table("images.csv"),
        classes=table("classes.json"),
        accepted=table("accepted.csv"),
        manifest=manifest(),
        classifier=where_read("report", "classifier"),
        cams=shards("cams"),
        boundary_labels=where_read("report", "boundary_labels"),
        benet=where_read("report", "benet"),
        irnet=where_read("report", "irnet"),
        boundary_maps=shards("boundary_maps"),
        teacher_labels=where_read("report", "teacher_labels"),
        teacher=where_read("report", "teacher"),
        teacher_maps=where_read("report", "teacher_maps"),
        revised_teacher_maps=where_read("report", "revised_teacher_maps"),
        foreground=where_read("report", "foreground"),
        regions=where_read("report", "regions"),
        revised_maps=shards("revised_maps"),
        pseudo_labels=shards("pseudo_labels"),
        evaluation=receipt_of("evaluation"),
        scores=within("evaluation", "scores.json"),
        per_class=within("evaluation", "per_class.csv"),
        curves=within("evaluation", "thresholds.csv"),
        quality=receipt_of("quality"),
        ranking=within("quality", "ranking.csv"),
        segmenter=network("segmenter") if "segmenter" in PROJECT.wanted else [],
        predictions=shards("predictions") if "predictions" in PROJECT.wanted else [],
    output:
        page=in_report(
            directory("results/{dataset}/{experiment}/report/page"),
            htmlindex="index.html",
            caption="../report/page.rst",
            category="Report",
            labels={"experiment": "{experiment}", "what": "all on one page"},
        ),
        photographs=report(
            "results/{dataset}/{experiment}/report/photographs.csv",
            caption="../report/photographs.rst",
            category="Scores",
            labels={"experiment": "{experiment}", "what": "IoU per photograph"},
        ),
        scores=report(
            "results/{dataset}/{experiment}/report/scores.csv",
            caption="../report/scores.rst",
            category="Scores",
            labels={"experiment": "{experiment}", "what": "mIoU and IoU per class"},
        ),
        thresholds=report(
            "results/{dataset}/{experiment}/report/thresholds.png",
            caption="../report/thresholds.rst",
            category="Scores",
            labels={"experiment": "{experiment}", "what": "threshold curves"},
        ),
        losses=report(
            "results/{dataset}/{experiment}/report/losses.png",
            caption="../report/losses.rst",
            category="Training",
            labels={"experiment": "{experiment}", "what": "loss curves"},
        ),
        receipt="results/{dataset}/{experiment}/report/_receipts/whole.json",
    log:
        "results/{dataset}/{experiment}/report/_logs/report.log",
    benchmark:
        "results/{dataset}/{experiment}/report/_benchmarks/report.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 8
    resources:
        mem_mb=more(4000),
        runtime=more(60),
    params:
        command=command("report"),
    message:
        "Report of {wildcards.experiment}"
    shell:
        "python -m bes report {params.command} " "--threads {threads} --log {log}"
