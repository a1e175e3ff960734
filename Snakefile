"""BES: weakly supervised semantic segmentation with boundary exploration, as a workflow."""

from snakemake.utils import min_version

min_version("9.0")


# A --configfile takes the place of the demo's configuration, it does not extend it.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/dataset.smk"
include: "workflow/rules/localization.smk"
include: "workflow/rules/boundaries.smk"
include: "workflow/rules/outside.smk"
include: "workflow/rules/labels.smk"
include: "workflow/rules/segmentation.smk"
include: "workflow/rules/results.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/companions.smk"
include: "workflow/rules/storage.smk"
include: "workflow/rules/studies.smk"


rule all:
    default_target: True
    input:
        [file for name in PROJECT.comparisons for file in comparison_files(name)],
        # Of every stage: what is missing upstream is made anew only where somebody asks for it.
        [
            product
            for stage, home in PROJECT.computed()
            for product in products(stage, home)
        ],
    message:
        "Everything is up to date"
