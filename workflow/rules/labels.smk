"""Localisation maps and boundary maps -> revised maps -> pseudo labels."""


rule revised_maps:
    input:
        images=photographs(),
        classes=within("dataset", "classes.json"),
        manifest=manifest(),
        cams=shard("cams"),
        boundary_maps=shard("boundary_maps"),
    output:
        "results/{dataset}/{experiment}/revised_maps/_receipts/{shard}.json",
    log:
        "results/{dataset}/{experiment}/revised_maps/_logs/{shard}.log",
    benchmark:
        "results/{dataset}/{experiment}/revised_maps/_benchmarks/{shard}.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: 8
    resources:
        gpu=gpus(),
        mem_mb=8000,
        runtime=60,
    params:
        dataset=folder("dataset"),
        cams=folder("cams"),
        boundary_maps=folder("boundary_maps"),
        out=folder("revised_maps"),
        device=PROJECT.settings.device,
        flags=flags("revised_maps"),
        code=code("revised_maps"),
        stale=stale("revised_maps"),
    message:
        "Random walk of {wildcards.experiment}, shard {wildcards.shard}"
    shell:
        "python -m bes revised_maps --dataset {params.dataset} --cams {params.cams} --boundary-maps {params.boundary_maps} --out {params.out} --shard {wildcards.shard} "
        "--threads {threads} --device {params.device} --code {params.code} {params.flags} --log {log}"


rule pseudo_labels:
    input:
        images=photographs(),
        classes=within("dataset", "classes.json"),
        manifest=manifest(),
        revised_maps=shard("revised_maps"),
    output:
        "results/{dataset}/{experiment}/pseudo_labels/_receipts/{shard}.json",
    log:
        "results/{dataset}/{experiment}/pseudo_labels/_logs/{shard}.log",
    benchmark:
        "results/{dataset}/{experiment}/pseudo_labels/_benchmarks/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 8
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        dataset=folder("dataset"),
        revised_maps=folder("revised_maps"),
        out=folder("pseudo_labels"),
        flags=flags("pseudo_labels"),
        code=code("pseudo_labels"),
        stale=stale("pseudo_labels"),
    message:
        "Pseudo labels of {wildcards.experiment}, shard {wildcards.shard}"
    shell:
        "python -m bes pseudo_labels --dataset {params.dataset} --revised-maps {params.revised_maps} --out {params.out} --shard {wildcards.shard} "
        "--threads {threads} --code {params.code} {params.flags} --log {log}"
