"""Photographs and labels -> classifier -> localisation maps."""


rule classifier:
    input:
        images=table("images.csv"),
        classes=table("classes.json"),
        manifest=manifest(),
    output:
        output_of("classifier"),
    log:
        "results/{dataset}/{experiment}/classifier/_logs/classifier.log",
    benchmark:
        "results/{dataset}/{experiment}/classifier/_benchmarks/classifier.tsv"
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
        command=command("classifier"),
    message:
        "Training the classifier of {wildcards.experiment}"
    shell:
        "python -m bes classifier {params.command} "
        "--threads {threads} --device {resources.device} --gpus {resources.devices} --log {log}"


rule cams:
    input:
        images=photographs(),
        classes=table("classes.json"),
        manifest=manifest(),
        classifier=chosen_network("cams"),
    output:
        output_of("cams", "{shard}"),
    log:
        "results/{dataset}/{experiment}/cams/_logs/{shard}.log",
    benchmark:
        "results/{dataset}/{experiment}/cams/_benchmarks/{shard}.tsv"
    # Where files from outside take their place, what is wrong with one is said before a training.
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
        command=command("cams"),
    message:
        "CAMs of {wildcards.experiment}, shard {wildcards.shard}"
    shell:
        "python -m bes cams {params.command} --shard {wildcards.shard} "
        "--threads {threads} --device {resources.device} --log {log}"
