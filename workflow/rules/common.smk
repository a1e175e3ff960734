"""The resolved configuration, and where each rule finds its inputs, flags and resources."""

import os
import re
import sys
from pathlib import Path

# Of this file, not of the Snakefile that may use this one as a module.
ROOT = Path(workflow.current_basedir).parents[1]
sys.path.insert(0, str(ROOT))

from bes.data.manifest import shards_folder
from bes.errors import BesError
from bes.incremental.inputs import receipts_of
from bes.incremental.snakemake_locks import run_in
from bes.incremental.stage import (
    TrainingStage,
    all_stages,
    is_per_image,
    stage_of,
    suffix_of,
)
from bes.options.flags import flags_of
from bes.project.prepare import RESULTS, Prepared, force, prepare, read_call
from bes.project.settings import load_project
from bes.stages.comparison import FILES as COMPARISON_FILES
from bes.stages.comparison import comparison_code
from bes.storage.disk import check_room
from bes.storage.layout import model_receipt, receipt_file, whole_receipt
from bes.storage.os_errors import refusal

# Jobs run `python -m bes` with the interpreter and the package of this workflow.
for variable, first in {
    "PATH": os.path.dirname(sys.executable),
    "PYTHONPATH": str(ROOT),
}.items():
    os.environ[variable] = os.pathsep.join(
        filter(None, [first, os.environ.get(variable)])
    )

PREPARED = Prepared()
try:
    PROJECT = load_project(config)
    # Jobs on other machines and in other processes parse this file too: the main process alone
    # looks at the files, and what it does here is the same however often it is done.
    if workflow.is_main_process:
        PREPARED = prepare(PROJECT, read_call(sys.argv[1:]))
        force(workflow, PREPARED.forced)
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


SHARDS = PROJECT.shards


wildcard_constraints:
    dataset=re.escape(PROJECT.settings.name),
    experiment="|".join(map(re.escape, PROJECT.experiments)),
    shard=r"\d{3}",


def folder(stage):
    """The folder that holds a stage of the experiment at hand."""
    return lambda wildcards: PROJECT.folder(wildcards.experiment, stage)


def made(path):
    """Something that a stage made, as the input of another. Digests told before the run what is out
    of date (bes/project/staleness.py); where nothing follows from that, dates are not to say otherwise.
    """
    return path if PREPARED.follows else ancient(path)


def within(stage, name):
    """A file of a stage."""
    return made(lambda wildcards: PROJECT.folder(wildcards.experiment, stage) / name)


def table(name):
    """A table of the manifest."""
    return lambda wildcards: PROJECT.folder(wildcards.experiment, "dataset") / name


def manifest():
    """The receipt of the manifest, so that one that is out of date is made anew for any target; its
    date says nothing, since the files of a manifest that stays as it was keep theirs.
    """
    return ancient(
        lambda wildcards: whole_receipt(PROJECT.folder(wildcards.experiment, "dataset"))
    )


def receipt_of(stage):
    """The receipt of a stage with a handful of files: one that is out of date is asked for by it,
    not by the files."""
    return made(
        lambda wildcards: receipts_of(
            stage, PROJECT.folder(wildcards.experiment, stage), []
        )
    )


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
    return made(
        lambda wildcards: receipt_file(
            PROJECT.folder(wildcards.experiment, stage), wildcards.shard
        )
    )


def shards(stage):
    """The receipts of all shards."""
    return made(
        lambda wildcards: products(stage, PROJECT.folder(wildcards.experiment, stage))
    )


def network(stage):
    """The receipt of a training, which names the digest of its network."""
    return network_of(lambda experiment: stage)


def chosen_network(stage):
    """The receipt of the training whose network a stage uses, by its options."""
    return network_of(
        lambda experiment: stage_of(stage).model_of(
            PROJECT.experiments[experiment].options[stage]
        )
    )


def network_of(training):
    """The receipt of the training that an experiment uses; its date says nothing where the networks
    are known to stay."""

    def receipt(wildcards):
        name = wildcards.experiment
        return model_receipt(PROJECT.folder(name, training(name)))

    kept = PREPARED.kept.issuperset(map(training, PROJECT.experiments))
    return ancient(receipt) if kept else made(receipt)


def products(stage, home):
    """What a stage answers for in its folder: its receipts."""
    return receipts_of(stage, home, SHARDS)


def command(stage):
    """What a stage's command is told of the configuration: where it reads and writes, which options
    differ from their defaults, and the digest of its code. A change of it runs the stage anew.
    """
    code = stage_of(stage).code()
    policy = isinstance(stage_of(stage), TrainingStage)

    def words(wildcards):
        experiment = wildcards.experiment
        read = {
            "dataset": PROJECT.folder(experiment, "dataset"),
            **PROJECT.read_by(stage, experiment),
        }
        return " ".join(
            [
                *(f"--{name.replace('_', '-')} {home}" for name, home in read.items()),
                f"--out {PROJECT.folder(experiment, stage)} --code {code}",
                *([f"--policy {PROJECT.settings.policy}"] if policy else []),
                flags(stage)(wildcards),
            ]
        )

    return words


def flags(stage):
    """What differs from the stage's defaults, as flags: a rule sees the options it uses, no others."""

    def words(wildcards):
        found = PROJECT.experiments[wildcards.experiment].options.get(stage)
        return flags_of(found) if found else ""

    return words


def gpus(count=1):
    """The GPUs that a job asks for."""
    return 0 if PROJECT.settings.device == "cpu" else count


def more(amount):
    """An amount of memory or time, and more of it at each further attempt: a job that was killed for
    it would be killed again. Enough for 10,000 photographs at the sizes of the presets.
    """
    return lambda wildcards, attempt: amount * attempt


def compared(wildcards):
    """The scores of every experiment of a comparison."""
    folders = PROJECT.evaluations(wildcards.comparison).values()
    return [
        file
        for folder in folders
        for file in [
            folder / "scores.json",
            *receipts_of("evaluation", folder, []),
        ]
    ]


def comparison_files(name):
    """What a comparison gives."""
    home = PROJECT.comparison_folder(name)
    return [
        *(home / file for file in COMPARISON_FILES),
        *receipts_of("comparison", home, []),
    ]


def of_experiments(stage, name):
    """A file of a stage, of every experiment that has one of its own."""
    homes = (PROJECT.folder(experiment, stage) for experiment in PROJECT.experiments)
    return [
        file
        for home in dict.fromkeys(homes)
        for file in [home / name, *receipts_of(stage, home, [])]
    ]
