"""Any per-image file as a target: `snakemake results/demo/base/pseudo_labels/0001.png`.

The shard's receipt vouches for the file, so asking for one brings its whole shard up to date.
"""

from bes.data.manifest import shard_name, shard_of


def vouching(stage):
    """The receipt that vouches for the file of an image."""

    def path(wildcards):
        home = PROJECT.experiments[wildcards.experiment].home[stage]
        if home != wildcards.experiment:
            raise WorkflowError(
                f"{wildcards.experiment} shares its {stage} with {home}: "
                f"ask for {HERE.folder(home, stage) / wildcards.file}"
            )
        image = wildcards.file.removesuffix(suffix_of(stage))
        shard = shard_name(shard_of(image, PROJECT.settings.shards))
        return handed_on(stage, PROJECT.folder(wildcards.experiment, stage), [shard])

    return path


for stage in filter(is_per_image, all_stages()):

    rule:
        name:
            f"{stage}_of_image"
        input:
            vouching(stage),
        output:
            (str if STORED else update)(
                f"results/{{dataset}}/{{experiment}}/{stage}/{{file}}"
            ),
        log:
            f"results/{{dataset}}/{{experiment}}/{stage}/_logs/images/{{file}}",
        wildcard_constraints:
            # With the ending: Snakemake takes a wildcard that ends in one part repeated, such as
            # the name of aaaaaaaaaaaaaaaaaaaaaaaa.jpg, for a rule that makes its own input.
            file=rf"[^/]+{re.escape(suffix_of(stage))}",
        localrule: True
        conda:
            "../../envs/cpu.yaml"
        message:
            "{output}"
        shell:
            (
                "tar -xOf {input:q} -- {wildcards.file:q} > {output:q} 2> {log:q}"
                if STORED
                else "test -s {output:q} || "
                "{{ echo 'not an image of this dataset' > {log:q}; exit 1; }}"
            )
