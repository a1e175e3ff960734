"""The workflow, where `snakemake` looks first; the catalogue of workflows looks in workflow/."""


include: "workflow/Snakefile"


# That of an included file is not taken.
workflow.default_target = workflow.modifier.modify_rulename("all")
