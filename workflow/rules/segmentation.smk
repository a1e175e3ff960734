"""Pseudo labels -> segmentation network -> predictions for the photographs held out."""


rule segmenter:
    input:
        images=within("dataset", "images.csv"),
        classes=within("dataset", "classes.json"),
        manifest=manifest(),
        pseudo_labels=shards("pseudo_labels"),
        classifier=network("classifier"),
    output:
        "results/{dataset}/{experiment}/segmenter/model.json",
    log:
        "results/{dataset}/{experiment}/segmenter/_logs/segmenter.log",
    benchmark:
        "results/{dataset}/{experiment}/segmenter/_benchmarks/segmenter.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: 8
    resources:
        gpu=gpus(PROJECT.settings.gpus),
        mem_mb=16000,
        runtime=720,
    params:
        dataset=folder("dataset"),
        pseudo_labels=folder("pseudo_labels"),
        classifier=folder("classifier"),
        out=folder("segmenter"),
        device=PROJECT.settings.device,
        gpus=PROJECT.settings.gpus,
        policy=PROJECT.settings.policy,
        flags=flags("segmenter"),
        code=code("segmenter"),
        stale=stale("segmenter"),
    message:
        "Training the segmentation network of {wildcards.experiment}"
    shell:
        "python -m bes segmenter --dataset {params.dataset} --pseudo-labels {params.pseudo_labels} --classifier {params.classifier} --out {params.out} "
        "--threads {threads} --device {params.device} --gpus {params.gpus} --policy {params.policy} --code {params.code} {params.flags} --log {log}"


rule segmentation_maps:
    input:
        images=photographs(held_out=True),
        classes=within("dataset", "classes.json"),
        manifest=manifest(),
        segmenter=network("segmenter"),
    output:
        "results/{dataset}/{experiment}/segmentation_maps/_receipts/{shard}.json",
    log:
        "results/{dataset}/{experiment}/segmentation_maps/_logs/{shard}.log",
    benchmark:
        "results/{dataset}/{experiment}/segmentation_maps/_benchmarks/{shard}.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: 8
    resources:
        gpu=gpus(),
        mem_mb=8000,
        runtime=60,
    params:
        dataset=folder("dataset"),
        segmenter=folder("segmenter"),
        out=folder("segmentation_maps"),
        device=PROJECT.settings.device,
        flags=flags("segmentation_maps"),
        code=code("segmentation_maps"),
        stale=stale("segmentation_maps"),
    message:
        "Segmentation maps of {wildcards.experiment}, shard {wildcards.shard}"
    shell:
        "python -m bes segmentation_maps --dataset {params.dataset} --segmenter {params.segmenter} --out {params.out} --shard {wildcards.shard} "
        "--threads {threads} --device {params.device} --code {params.code} {params.flags} --log {log}"


rule predictions:
    input:
        images=photographs(held_out=True),
        classes=within("dataset", "classes.json"),
        manifest=manifest(),
        segmentation_maps=shard("segmentation_maps"),
    output:
        "results/{dataset}/{experiment}/predictions/_receipts/{shard}.json",
    log:
        "results/{dataset}/{experiment}/predictions/_logs/{shard}.log",
    benchmark:
        "results/{dataset}/{experiment}/predictions/_benchmarks/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 8
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        dataset=folder("dataset"),
        segmentation_maps=folder("segmentation_maps"),
        out=folder("predictions"),
        flags=flags("predictions"),
        code=code("predictions"),
        stale=stale("predictions"),
    message:
        "Predictions of {wildcards.experiment}, shard {wildcards.shard}"
    shell:
        "python -m bes predictions --dataset {params.dataset} --segmentation-maps {params.segmentation_maps} --out {params.out} --shard {wildcards.shard} "
        "--threads {threads} --code {params.code} {params.flags} --log {log}"


rule submission:
    input:
        images=within("dataset", "images.csv"),
        classes=within("dataset", "classes.json"),
        manifest=manifest(),
        predictions=shards("predictions"),
    output:
        "results/{dataset}/{experiment}/submission/comp6_test_cls.tar",
        receipt="results/{dataset}/{experiment}/submission/_receipts/whole.json",
    log:
        "results/{dataset}/{experiment}/submission/_logs/submission.log",
    benchmark:
        "results/{dataset}/{experiment}/submission/_benchmarks/submission.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        dataset=folder("dataset"),
        predictions=folder("predictions"),
        out=lambda wildcards, output: Path(output[0]).parent,
        code=code("submission"),
        stale=stale("submission"),
    message:
        "Archive of {wildcards.experiment} for the VOC server"
    shell:
        "python -m bes submission --dataset {params.dataset} --predictions {params.predictions} "
        "--out {params.out} --code {params.code} --log {log}"
