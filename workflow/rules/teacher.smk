"""Labels of the walk -> teacher -> its maps of the same photographs, and these revised."""


rule teacher_labels:
    input:
        images=photographs(),
        classes=table("classes.json"),
        manifest=manifest(),
        revised_maps=shard("revised_maps"),
        foreground=where_read("teacher_labels", "foreground"),
        regions=where_read("teacher_labels", "regions"),
    output:
        output_of("teacher_labels", "{shard}"),
    log:
        "results/{dataset}/{experiment}/teacher_labels/_logs/{shard}.log",
    benchmark:
        "results/{dataset}/{experiment}/teacher_labels/_benchmarks/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 8
    resources:
        mem_mb=more(8000),
        runtime=more(60),
    params:
        command=command("teacher_labels"),
    message:
        "Labels for the teacher of {wildcards.experiment}, shard {wildcards.shard}"
    shell:
        "python -m bes teacher_labels {params.command} --shard {wildcards.shard} "
        "--threads {threads} --log {log}"


rule teacher:
    input:
        images=table("images.csv"),
        classes=table("classes.json"),
        manifest=manifest(),
        teacher_labels=shards("teacher_labels"),
        classifier=chosen_network("teacher"),
    output:
        output_of("teacher"),
    log:
        "results/{dataset}/{experiment}/teacher/_logs/teacher.log",
    benchmark:
        "results/{dataset}/{experiment}/teacher/_benchmarks/teacher.tsv"
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
        command=command("teacher"),
    message:
        "Training the teacher of {wildcards.experiment}"
    shell:
        "python -m bes teacher {params.command} "
        "--threads {threads} --device {resources.device} --gpus {resources.devices} --log {log}"


rule teacher_maps:
    input:
        images=photographs(),
        classes=table("classes.json"),
        manifest=manifest(),
        teacher=network("teacher"),
    output:
        output_of("teacher_maps", "{shard}"),
    log:
        "results/{dataset}/{experiment}/teacher_maps/_logs/{shard}.log",
    benchmark:
        "results/{dataset}/{experiment}/teacher_maps/_benchmarks/{shard}.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: threads_around_network()
    resources:
        gpu=gpus(),
        mem_mb=more(8000),
        runtime=more(60),
        device=PROJECT.settings.device,
    params:
        command=command("teacher_maps"),
    message:
        "Maps of the teacher of {wildcards.experiment}, shard {wildcards.shard}"
    shell:
        "python -m bes teacher_maps {params.command} --shard {wildcards.shard} "
        "--threads {threads} --device {resources.device} --log {log}"


rule revised_teacher_maps:
    input:
        images=photographs(),
        classes=table("classes.json"),
        manifest=manifest(),
        teacher_maps=shard("teacher_maps"),
        boundary_maps=shard("boundary_maps"),
    output:
        output_of("revised_teacher_maps", "{shard}"),
    log:
        "results/{dataset}/{experiment}/revised_teacher_maps/_logs/{shard}.log",
    benchmark:
        "results/{dataset}/{experiment}/revised_teacher_maps/_benchmarks/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 8
    resources:
        mem_mb=more(8000),
        runtime=more(60),
    params:
        command=command("revised_teacher_maps"),
    message:
        "Random walk of the teacher's maps of {wildcards.experiment}, shard {wildcards.shard}"
    shell:
        "python -m bes revised_teacher_maps {params.command} --shard {wildcards.shard} "
        "--threads {threads} --log {log}"
