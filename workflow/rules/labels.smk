"""Localisation maps and boundary maps -> revised maps -> pseudo labels."""


rule revised_maps:
    input:
        images=photographs(),
        classes=table("classes.json"),
        manifest=manifest(),
        cams=shard("cams"),
        boundary_maps=shard("boundary_maps"),
    output:
        output_of("revised_maps", "{shard}"),
    log:
        "results/{dataset}/{experiment}/revised_maps/_logs/{shard}.log",
    benchmark:
        "results/{dataset}/{experiment}/revised_maps/_benchmarks/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 8
    resources:
        mem_mb=more(8000),
        runtime=more(60),
    params:
        command=command("revised_maps"),
    message:
        "Random walk of {wildcards.experiment}, shard {wildcards.shard}"
    shell:
        "python -m bes revised_maps {params.command} --shard {wildcards.shard} "
        "--threads {threads} --log {log}"


rule pseudo_labels:
    input:
        images=photographs(),
        classes=table("classes.json"),
        manifest=manifest(),
        revised_maps=shard("revised_maps"),
        teacher_maps=where_read("pseudo_labels", "teacher_maps"),
        revised_teacher_maps=where_read("pseudo_labels", "revised_teacher_maps"),
        foreground=where_read("pseudo_labels", "foreground"),
        regions=where_read("pseudo_labels", "regions"),
    output:
        output_of("pseudo_labels", "{shard}"),
    log:
        "results/{dataset}/{experiment}/pseudo_labels/_logs/{shard}.log",
    benchmark:
        "results/{dataset}/{experiment}/pseudo_labels/_benchmarks/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 8
    resources:
        mem_mb=more(8000),
        runtime=more(60),
    params:
        command=command("pseudo_labels"),
    message:
        "Pseudo labels of {wildcards.experiment}, shard {wildcards.shard}"
    shell:
        "python -m bes pseudo_labels {params.command} --shard {wildcards.shard} "
        "--threads {threads} --log {log}"
