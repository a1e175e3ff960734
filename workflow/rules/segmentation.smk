"""Pseudo labels -> segmentation network -> predictions for the photographs held out."""


rule segmenter:
    input:
        images=table("images.csv"),
        classes=table("classes.json"),
        manifest=manifest(),
        pseudo_labels=shards("pseudo_labels"),
        classifier=chosen_network("segmenter"),
    output:
        output_of("segmenter"),
    log:
        "results/{dataset}/{experiment}/segmenter/_logs/segmenter.log",
    benchmark:
        "results/{dataset}/{experiment}/segmenter/_benchmarks/segmenter.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: 8
    resources:
        gpu=gpus(PROJECT.settings.gpus),
        mem_mb=more(16000),
        runtime=more(720),
        device=PROJECT.settings.device,
        devices=PROJECT.settings.gpus,
    params:
        command=command("segmenter"),
    message:
        "Training the segmentation network of {wildcards.experiment}"
    shell:
        "python -m bes segmenter {params.command} "
        "--threads {threads} --device {resources.device} --gpus {resources.devices} --log {log}"


rule segmentation_maps:
    input:
        images=photographs(held_out=True),
        classes=table("classes.json"),
        manifest=manifest(),
        segmenter=network("segmenter"),
    output:
        output_of("segmentation_maps", "{shard}"),
    log:
        "results/{dataset}/{experiment}/segmentation_maps/_logs/{shard}.log",
    benchmark:
        "results/{dataset}/{experiment}/segmentation_maps/_benchmarks/{shard}.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: threads_around_network()
    resources:
        gpu=gpus(),
        mem_mb=more(8000),
        runtime=more(60),
        device=PROJECT.settings.device,
    params:
        command=command("segmentation_maps"),
    message:
        "Segmentation maps of {wildcards.experiment}, shard {wildcards.shard}"
    shell:
        "python -m bes segmentation_maps {params.command} --shard {wildcards.shard} "
        "--threads {threads} --device {resources.device} --log {log}"


rule predictions:
    input:
        images=photographs(held_out=True),
        classes=table("classes.json"),
        manifest=manifest(),
        segmentation_maps=shard("segmentation_maps"),
    output:
        output_of("predictions", "{shard}"),
    log:
        "results/{dataset}/{experiment}/predictions/_logs/{shard}.log",
    benchmark:
        "results/{dataset}/{experiment}/predictions/_benchmarks/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 8
    resources:
        mem_mb=more(8000),
        runtime=more(60),
    params:
        command=command("predictions"),
    message:
        "Predictions of {wildcards.experiment}, shard {wildcards.shard}"
    shell:
        "python -m bes predictions {params.command} --shard {wildcards.shard} "
        "--threads {threads} --log {log}"


rule submission:
    input:
        images=table("images.csv"),
        classes=table("classes.json"),
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
        mem_mb=more(2000),
        runtime=more(60),
    params:
        command=command("submission"),
    message:
        "Archive of {wildcards.experiment} for the VOC server"
    shell:
        "python -m bes submission {params.command} " "--threads {threads} --log {log}"
