"""Files from outside -> foreground priors and segments, as the pseudo labels take them."""


rule foreground:
    input:
        images=photographs(),
        classes=table("classes.json"),
        manifest=manifest(),
    output:
        output_of("foreground", "{shard}"),
    log:
        "results/{dataset}/{experiment}/foreground/_logs/{shard}.log",
    benchmark:
        "results/{dataset}/{experiment}/foreground/_benchmarks/{shard}.tsv"
    # What is wrong with a file is to be said before anything is trained.
    priority: 1
    conda:
        "../../envs/cpu.yaml"
    threads: 8
    resources:
        mem_mb=more(4000),
        runtime=more(60),
    params:
        command=command("foreground"),
    message:
        "Foreground priors of {wildcards.experiment}, shard {wildcards.shard}"
    shell:
        "python -m bes foreground {params.command} --shard {wildcards.shard} "
        "--threads {threads} --log {log}"


rule regions:
    input:
        images=photographs(),
        classes=table("classes.json"),
        manifest=manifest(),
    output:
        output_of("regions", "{shard}"),
    log:
        "results/{dataset}/{experiment}/regions/_logs/{shard}.log",
    benchmark:
        "results/{dataset}/{experiment}/regions/_benchmarks/{shard}.tsv"
    # What is wrong with a file is to be said before anything is trained.
    priority: 1
    conda:
        "../../envs/cpu.yaml"
    threads: 8
    resources:
        mem_mb=more(4000),
        runtime=more(60),
    params:
        command=command("regions"),
    message:
        "Segments of {wildcards.experiment}, shard {wildcards.shard}"
    shell:
        "python -m bes regions {params.command} --shard {wildcards.shard} "
        "--threads {threads} --log {log}"
