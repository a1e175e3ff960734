"""The folders of photographs' files and networks in a storage, out of the bundles of jobs.

For people and other programs: no job reads them.
"""

if STORED:

    rule stage_folder:
        input:
            lambda wildcards: handed_on(
                wildcards.stage,
                PROJECT.folder(wildcards.experiment, wildcards.stage),
                SHARDS,
            ),
        output:
            files=directory("results/{dataset}/{experiment}/{stage}"),
            # Logs are in the folder before its files are.
            mark=touch(str(folder_mark(Path("results/{dataset}/{experiment}/{stage}")))),
        log:
            "results/{dataset}/{experiment}/_bundles/{stage}/folder.log",
        benchmark:
            "results/{dataset}/{experiment}/_bundles/{stage}/folder.tsv"
        wildcard_constraints:
            stage="|".join(filter(is_carried, all_stages())),
        conda:
            "../../envs/cpu.yaml"
        threads: 1
        resources:
            mem_mb=more(2000),
            runtime=more(60),
        message:
            "The files of {wildcards.stage} of {wildcards.experiment}"
        shell:
            "(mkdir -p {output.files:q} && "
            'for bundle in {input:q}; do tar -xf "$bundle" -C {output.files:q}; done) 2> {log:q}'
