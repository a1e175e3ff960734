"""The resolved configuration, and where each rule finds its inputs, flags and resources."""

import json
import os
import re
import sys
from pathlib import Path

ROOT = Path(workflow.basedir)
RESULTS = Path("results")
sys.path.insert(0, str(ROOT))

from bes.data.layout import SUFFIX, model_receipt, receipt_file
from bes.data.manifest import shard_name, shards_folder
from bes.engine.code_digest import code_digest
from bes.engine.disk import check_room
from bes.engine.files import write_if_changed
from bes.engine.flags import flags_of
from bes.engine.os_errors import refusal
from bes.engine.receipts import void_broken
from bes.engine.runs import run_in
from bes.errors import BesError
from bes.sections import BASE
from bes.settings import load_project
from bes.stages.comparison import FILES as COMPARISON_FILES
from bes.stages.dataset_kinds import write_sources
from bes.stages.registry import STAGES
from bes.stages.report import OPTIONAL

# Jobs run `python -m bes` with the interpreter and the package of this workflow.
for variable, first in {
    "PATH": os.path.dirname(sys.executable),
    "PYTHONPATH": str(ROOT),
}.items():
    os.environ[variable] = os.pathsep.join(
        filter(None, [first, os.environ.get(variable)])
    )

try:
    PROJECT = load_project(config)
    # Jobs on other machines and in other processes parse this file too: the main process alone
    # looks at the files, and what it does here is the same however often it is done.
    if workflow.is_main_process:
        check_room(RESULTS, Path("."))
        run_in(Path(".snakemake"))
        write_sources(
            PROJECT.folder(BASE, "dataset"),
            PROJECT.experiments[BASE].options["dataset"],
        )
        for _, home in PROJECT.computed():
            void_broken(home)
        for name in PROJECT.comparisons:
            write_if_changed(
                PROJECT.comparison_folder(name) / "_plan.json",
                (json.dumps(PROJECT.comparison_plan(name), indent=1) + "\n").encode(),
            )
except (BesError, OSError) as error:
    sentence = refusal(error) if isinstance(error, OSError) else error
    if sentence is None:
        raise
    print(f"bes: {sentence}", file=sys.stderr)
    sys.exit(2)


onstart:
    run_in(Path(".snakemake")).started()


onerror:
    try:
        check_room(RESULTS, Path("."))
    except BesError as error:
        print(f"bes: {error}", file=sys.stderr)


SHARDS = [shard_name(shard) for shard in range(PROJECT.settings.shards)]


wildcard_constraints:
    dataset=re.escape(PROJECT.settings.name),
    experiment="|".join(map(re.escape, PROJECT.experiments)),
    shard=r"\d{3}",
    image=r"[^/]+",


def folder(stage):
    """The folder that holds a stage of the experiment at hand."""
    return lambda wildcards: PROJECT.folder(wildcards.experiment, stage)


def optional(stage):
    """The folder of a stage as a flag, where the goal needs the stage."""
    return lambda wildcards: (
        f"--{stage.replace('_', '-')} {PROJECT.folder(wildcards.experiment, stage)}"
        if stage in PROJECT.wanted
        else ""
    )


def within(stage, name):
    """A file of a stage."""
    return lambda wildcards: PROJECT.folder(wildcards.experiment, stage) / name


def photographs(held_out=False):
    """The photographs of the shard at hand."""
    return lambda wildcards: (
        shards_folder(
            PROJECT.folder(wildcards.experiment, "dataset"), held_out=held_out
        )
        / f"{wildcards.shard}.csv"
    )


def shard(stage):
    """The receipt of the shard at hand."""
    return lambda wildcards: receipt_file(
        PROJECT.folder(wildcards.experiment, stage), wildcards.shard
    )


def shards(stage):
    """The receipts of all shards."""
    return lambda wildcards: [
        receipt_file(PROJECT.folder(wildcards.experiment, stage), name)
        for name in SHARDS
    ]


def network(stage):
    """The receipt of a training, which names the digest of its network."""
    return lambda wildcards: model_receipt(PROJECT.folder(wildcards.experiment, stage))


def chosen(stage, wildcards):
    """The training whose network a stage uses, by its options."""
    return STAGES[stage].model_of(
        PROJECT.experiments[wildcards.experiment].options[stage]
    )


def chosen_network(stage):
    """The receipt of that training."""
    return lambda wildcards: network(chosen(stage, wildcards))(wildcards)


def chosen_folder(stage):
    """The folder of that training as a flag."""

    def flag(wildcards):
        name = chosen(stage, wildcards)
        return f"--{name} {PROJECT.folder(wildcards.experiment, name)}"

    return flag


def products(stage, home):
    """What a stage answers for in its folder: its receipts, or the files that have none."""
    if stage in SUFFIX:
        return [receipt_file(home, name) for name in SHARDS]
    if stage in STAGES:
        return [model_receipt(home)]
    files = {
        "dataset": ["images.csv", "classes.json"],
        "evaluation": ["scores.json"],
        "quality": ["ranking.csv"],
        "report": ["page"],
    }
    return [home / name for name in files[stage]]


def options(stage, name):
    """The value of one option."""
    return lambda wildcards: getattr(
        PROJECT.experiments[wildcards.experiment].options[stage], name
    )


def weights(stage):
    """The file of initial weights, where the configuration names one."""

    def path(wildcards):
        given = options(stage, "weights")(wildcards)
        return [] if given in ("imagenet", "none", "classifier") else given

    return path


def flags(stage):
    """What differs from the stage's defaults, as flags: a rule sees the options it uses, no others."""
    return lambda wildcards: flags_of(
        PROJECT.experiments[wildcards.experiment].options[stage]
    )


def code(stage):
    """A digest of the code that the stage runs, so that editing the package re-runs it."""
    return (
        STAGES[stage].code() if stage in STAGES else code_digest(f"bes.stages.{stage}")
    )


def gpus(count=1):
    """The GPUs that a job asks for."""
    return 0 if PROJECT.settings.device == "cpu" else count


def compared(wildcards):
    """The scores of every experiment of a comparison."""
    folders = PROJECT.evaluations(wildcards.comparison).values()
    return [folder / "scores.json" for folder in folders]


def comparison_files(name):
    """What a comparison gives."""
    return [PROJECT.comparison_folder(name) / file for file in COMPARISON_FILES]


def of_experiments(stage, name):
    """A file of a stage, of every experiment that has one of its own."""
    homes = (PROJECT.folder(experiment, stage) for experiment in PROJECT.experiments)
    return [home / name for home in dict.fromkeys(homes)]
