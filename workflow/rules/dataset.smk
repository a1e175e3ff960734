"""Photographs and labels -> manifest."""


rule dataset:
    output:
        images="results/{dataset}/{experiment}/dataset/images.csv",
        classes="results/{dataset}/{experiment}/dataset/classes.json",
        accepted="results/{dataset}/{experiment}/dataset/accepted.csv",
        shards=expand(
            "results/{{dataset}}/{{experiment}}/dataset/{split}/{shard}.csv",
            split=["shards", "held_out"],
            shard=SHARDS,
        ),
        receipt="results/{dataset}/{experiment}/dataset/_receipts/whole.json",
        bundles=[
            f"results/{{dataset}}/{{experiment}}/_bundles/dataset/{part}.tar"
            for part in (["whole", *SHARDS] if STORED else [])
        ],
    log:
        "results/{dataset}/{experiment}/dataset/_logs/dataset.log",
    benchmark:
        "results/{dataset}/{experiment}/dataset/_benchmarks/dataset.tsv"
    # The photographs of a user are where the run is started.
    localrule: STORED
    conda:
        "../../envs/cpu.yaml"
    threads: 8
    resources:
        # COCO's annotations take 1.7 GB when they are read; a download takes hours at times.
        mem_mb=more(4000),
        runtime=more(480),
    params:
        out=folder("dataset"),
        shards=PROJECT.settings.shards,
        flags=flags("dataset"),
        code=stage_of("dataset").code(),
    message:
        "Reading the photographs and labels of {wildcards.dataset}"
    shell:
        "python -m bes dataset --out {params.out} "
        "--shards {params.shards} --threads {threads} {params.flags} --log {log}"
