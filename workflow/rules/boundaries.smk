"""Localisation maps -> boundary labels -> BENet, or IRNet -> boundary maps."""


rule boundary_labels:
    input:
        images=photographs(),
        classes=table("classes.json"),
        manifest=manifest(),
        cams=shard("cams"),
    output:
        output_of("boundary_labels", "{shard}"),
    log:
        "results/{dataset}/{experiment}/boundary_labels/_logs/{shard}.log",
    benchmark:
        "results/{dataset}/{experiment}/boundary_labels/_benchmarks/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 8
    resources:
        mem_mb=more(8000),
        runtime=more(60),
    params:
        command=command("boundary_labels"),
    message:
        "Boundary labels of {wildcards.experiment}, shard {wildcards.shard}"
    shell:
        "python -m bes boundary_labels {params.command} --shard {wildcards.shard} "
        "--threads {threads} --log {log}"


rule benet:
    input:
        images=table("images.csv"),
        classes=table("classes.json"),
        manifest=manifest(),
        boundary_labels=shards("boundary_labels"),
        classifier=chosen_network("benet"),
    output:
        output_of("benet"),
    log:
        "results/{dataset}/{experiment}/benet/_logs/benet.log",
    benchmark:
        "results/{dataset}/{experiment}/benet/_benchmarks/benet.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: 8
    resources:
        gpu=gpus(PROJECT.settings.gpus),
        mem_mb=more(16000),
        runtime=more(480),
        device=PROJECT.settings.device,
        devices=PROJECT.settings.gpus,
    params:
        command=command("benet"),
    message:
        "Training BENet of {wildcards.experiment}"
    shell:
        "python -m bes benet {params.command} "
        "--threads {threads} --device {resources.device} --gpus {resources.devices} --log {log}"


rule irnet:
    input:
        images=table("images.csv"),
        classes=table("classes.json"),
        manifest=manifest(),
        cams=shards("cams"),
        classifier=chosen_network("irnet"),
    output:
        output_of("irnet"),
    log:
        "results/{dataset}/{experiment}/irnet/_logs/irnet.log",
    benchmark:
        "results/{dataset}/{experiment}/irnet/_benchmarks/irnet.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: 8
    resources:
        gpu=gpus(PROJECT.settings.gpus),
        mem_mb=more(16000),
        runtime=more(480),
        device=PROJECT.settings.device,
        devices=PROJECT.settings.gpus,
    params:
        command=command("irnet"),
    message:
        "Training IRNet of {wildcards.experiment}"
    shell:
        "python -m bes irnet {params.command} "
        "--threads {threads} --device {resources.device} --gpus {resources.devices} --log {log}"


rule boundary_maps:
    input:
        images=photographs(),
        classes=table("classes.json"),
        manifest=manifest(),
        network=chosen_network("boundary_maps"),
    output:
        output_of("boundary_maps", "{shard}"),
    log:
        "results/{dataset}/{experiment}/boundary_maps/_logs/{shard}.log",
    benchmark:
        "results/{dataset}/{experiment}/boundary_maps/_benchmarks/{shard}.tsv"
    # As for `cams`.
    priority: 1
    conda:
        "../../envs/gpu.yaml"
    threads: threads_around_network()
    resources:
        gpu=gpus(),
        mem_mb=more(8000),
        runtime=more(60),
        device=PROJECT.settings.device,
    params:
        command=command("boundary_maps"),
    message:
        "Boundary maps of {wildcards.experiment}, shard {wildcards.shard}"
    shell:
        "python -m bes boundary_maps {params.command} --shard {wildcards.shard} "
        "--threads {threads} --device {resources.device} --log {log}"
