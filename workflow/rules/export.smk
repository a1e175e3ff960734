"""Pseudo labels as other trainers read them: `snakemake export`, or the file of one format."""

from bes.stages.export import FORMATS, SKIPPED


rule export_format:
    input:
        images=table("images.csv"),
        classes=table("classes.json"),
        manifest=manifest(),
        pseudo_labels=shards("pseudo_labels"),
    output:
        exported("results/{dataset}/{experiment}/export/{format}"),
    log:
        "results/{dataset}/{experiment}/export/_logs/{format}.log",
    benchmark:
        "results/{dataset}/{experiment}/export/_benchmarks/{format}.tsv"
    wildcard_constraints:
        format="|".join(FORMATS),
    conda:
        "../../envs/cpu.yaml"
    threads: 8
    resources:
        mem_mb=more(4000),
        runtime=more(60),
    params:
        command=command("export"),
        out=lambda wildcards: HERE.folder(wildcards.experiment, "export")
        / wildcards.format,
        skipped=lambda wildcards: HERE.folder(wildcards.experiment, "export")
        / wildcards.format
        / SKIPPED,
    message:
        "Export of {wildcards.experiment} for {wildcards.format}"
    shell:
        "python -m bes export {params.command} --out {params.out} --skip "
        "--format {wildcards.format} --threads {threads} --log {log} && "
        # For the terminal, not only for the log.
        "( [ ! -e {params.skipped} ] || cat {params.skipped} >&2 )"


rule export:
    input:
        [
            str(exported(PROJECT.folder(name, "export") / format))
            for name in PROJECT.experiments
            for format in FORMATS
        ],
        # A voided receipt is written again only where somebody asks for it.
        [
            receipt
            for name in PROJECT.experiments
            for receipt in products(
                "pseudo_labels", PROJECT.folder(name, "pseudo_labels")
            )
        ],
    message:
        "Every export is up to date"
