"""The resolved configuration, and where each rule finds its inputs, flags and resources."""

import os
import re
import sys
from dataclasses import replace
from pathlib import Path

# Jobs run `python -m bes` with the interpreter of this workflow.
SEARCHED = {"PATH": os.path.dirname(sys.executable)}
# In a checkout the package lies beside these rules, wherever they are used from. Rules that come
# without it, from a tag of a repository or out of the wheel, use the package that is installed.
if isinstance(workflow.current_basedir, os.PathLike):
    ROOT = Path(workflow.current_basedir).parents[1]
    if (ROOT / "bes" / "__init__.py").exists():
        sys.path.insert(0, str(ROOT))
        SEARCHED["PYTHONPATH"] = str(ROOT)
for variable, first in SEARCHED.items():
    os.environ[variable] = os.pathsep.join(
        filter(None, [first, os.environ.get(variable)])
    )
try:
    import bes.errors
except ImportError:  # none, or another package of this name
    print(
        f"bes: {sys.executable} does not have the package of these rules: install "
        "bes-segmentation, of the same version, with its pip",
        file=sys.stderr,
    )
    sys.exit(2)

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
from bes.project.prepare import Call, Prepared, ask, prepare, read_call, rule_names
from bes.project.settings import load_project
from bes.stages.comparison import FILES as COMPARISON_FILES
from bes.stages.comparison import comparison_code
from bes.storage.disk import check_room
from bes.storage.layout import model_receipt, receipt_file, whole_receipt
from bes.storage.os_errors import refusal

CALL, PREPARED = Call(), Prepared()
try:
    PROJECT = load_project(config)
    # The same with its results where they lie on the disk: the `prefix` of a module is put before
    # the paths of rules, not before what jobs are told.
    HERE = replace(
        PROJECT,
        results=Path(workflow.modifier.path_modifier.replace_prefix("results/")),
    )
    # Jobs on other machines and in other processes parse this file too: the main process alone
    # looks at the files, and what it does here is the same however often it is done.
    if workflow.is_main_process:
        NAMES = rule_names(PROJECT, workflow.modifier)
        CALL = read_call(sys.argv[1:], NAMES)
        PREPARED = prepare(HERE, CALL)
        ask(workflow, HERE, NAMES, PREPARED.forced)
        # The `onstart` of a module is not run.
        if not workflow.modifier.is_main_snakefile():
            run_in(Path(".snakemake")).started()
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
        check_room(HERE.results, Path("."))
    except BesError as error:
        print(f"bes: {error}", file=sys.stderr)


SHARDS = PROJECT.shards


wildcard_constraints:
    dataset=re.escape(PROJECT.settings.name),
    experiment="|".join(map(re.escape, PROJECT.experiments)),
    shard=r"\d{3}",


def folder(stage):
    """The folder that holds a stage of the experiment at hand, as a job is told."""
    return lambda wildcards: HERE.folder(wildcards.experiment, stage)


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
            "dataset": HERE.folder(experiment, "dataset"),
            **HERE.read_by(stage, experiment),
        }
        return " ".join(
            [
                *(f"--{name.replace('_', '-')} {home}" for name, home in read.items()),
                f"--out {HERE.folder(experiment, stage)} --code {code}",
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


def in_report(page, **description):
    """A folder of pages as a part of Snakemake's report, where that is not a single file."""
    if CALL.one_file:
        print(
            "bes: a report in one file is without the pages of photographs; they are in "
            "--report report.zip, and lie in report/page of each experiment",
            file=sys.stderr,
        )
        return page
    return report(page, **description)


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
