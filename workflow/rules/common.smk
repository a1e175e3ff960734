"""The resolved configuration, and where each rule finds its inputs and flags."""

import os
import re
import signal
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

from snakemake.io import get_flag_value

from bes.data.manifest import shards_folder
from bes.errors import BesError
from bes.incremental.inputs import receipts_of
from bes.incremental.snakemake_locks import run_in
from bes.incremental.stage import (
    TrainingStage,
    all_stages,
    is_carried,
    is_per_image,
    stage_of,
    suffix_of,
)
from bes.options.flags import flags_of
from bes.project.prepare import Call, Prepared, ask, prepare, read_call, rule_names
from bes.project.run_console import RunConsole, wanted
from bes.project.settings import load_project
from bes.project.stored import bundles_of, prepare_stored
from bes.stages.comparison import FILES as COMPARISON_FILES
from bes.stages.comparison import comparison_code
from bes.storage.disk import check_room
from bes.storage.interrupts import on_interrupt
from bes.storage.layout import (
    STORE,
    bundle_file,
    folder_mark,
    model_receipt,
    receipt_file,
    whole_receipt,
)
from bes.storage.os_errors import refusal


def in_storage(path):
    """A file or folder as an object of the default storage; None where files stay where they
    are."""
    return get_flag_value(
        workflow.modifier.path_modifier.modify(str(path)), "storage_object"
    )


def stored(folder):
    """The names of the files that the storage has in a folder; none where it cannot list them."""
    there = in_storage(folder / "{file}")
    try:
        found = map(Path, map(str, there.list_candidate_matches()))
        return [path.name for path in found if path.parent.name == folder.name]
    except (AttributeError, NotImplementedError, WorkflowError):
        return []


# Without a shared file system jobs hand on bundles (bes/commands/carried.py).
STORED = in_storage("results") is not None
if STORED:
    os.environ[STORE] = str(Path(in_storage("results").local_path()).parent)


def products(stage, home):
    """What a stage answers for in its folder: its receipts or, in a storage, its files."""
    if STORED and is_carried(stage):
        return [home, folder_mark(home)]
    return receipts_of(stage, home, SHARDS)


CALL, PREPARED, CONSOLE = Call(), Prepared(), None
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
        PREPARED = prepare_stored(HERE, CALL, stored) if STORED else prepare(HERE, CALL)
        ask(workflow, HERE, NAMES, PREPARED.forced, products)
        # The `onstart` of a module is not run.
        if not workflow.modifier.is_main_snakefile():
            run_in(Path(".snakemake")).started()
        elif not (CALL.looks or STORED):
            CONSOLE = RunConsole(
                workflow.logger_manager.logger,
                HERE,
                sys.argv[1:],
                shown=wanted(workflow.output_settings),
                targets=CALL.targets,
            )
except (BesError, OSError) as error:
    sentence = refusal(error) if isinstance(error, OSError) else error
    if sentence is None:
        raise
    print(f"bes: {sentence}", file=sys.stderr)
    sys.exit(2)


onstart:
    # `bes run` has a sentence for Ctrl-C up to here; now there are jobs, which Snakemake ends.
    on_interrupt(signal.default_int_handler)
    run_in(Path(".snakemake")).started()
    if CONSOLE:
        CONSOLE.start()


onsuccess:
    if CONSOLE:
        CONSOLE.finish(success=True)


onerror:
    if CONSOLE:
        CONSOLE.finish(success=False)
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
    of date (bes/project/staleness.py); where nothing follows from that, dates are not to say
    otherwise."""
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

    def files(wildcards):
        home = PROJECT.folder(wildcards.experiment, "dataset")
        shards = [wildcards.shard] if "shard" in wildcards.keys() else SHARDS
        bundles = [bundle_file(home, part) for part in ("whole", *shards)]
        return [whole_receipt(home), *(bundles if STORED else [])]

    return ancient(files)


def receipt_of(stage):
    """The receipt of a stage with a handful of files: one that is out of date is asked for by it,
    not by the files."""
    return made(
        lambda wildcards: handed_on(
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
        lambda wildcards: handed_on(
            stage, PROJECT.folder(wildcards.experiment, stage), [wildcards.shard]
        )
    )


def shards(stage):
    """The receipts of all shards."""
    return made(
        lambda wildcards: handed_on(
            stage, PROJECT.folder(wildcards.experiment, stage), SHARDS
        )
    )


def network(stage):
    """The receipt of a training, which names the digest of its network."""
    return network_of(lambda experiment: stage)


def chosen_network(stage):
    """The receipt of the training whose network a stage uses, by its options; nothing where it
    uses none."""
    return network_of(
        lambda experiment: stage_of(stage).model_of(
            PROJECT.experiments[experiment].options[stage]
        )
    )


def network_of(training):
    """The receipt of the training that an experiment uses, nothing where it uses none; its date
    says nothing where the networks are known to stay."""

    def receipt(wildcards):
        name = wildcards.experiment
        chosen = training(name)
        return handed_on(chosen, PROJECT.folder(name, chosen), []) if chosen else []

    used = set(filter(None, map(training, PROJECT.experiments)))
    kept = bool(used) and PREPARED.kept >= used
    return ancient(receipt) if kept else made(receipt)


def where_read(reader, stage):
    """What vouches for a stage where the experiment has another read it, nothing where not; of
    shards, what a job for one reads."""

    def home(experiment):
        return PROJECT.read_by(reader, experiment).get(stage)

    def receipts(wildcards):
        found = home(wildcards.experiment)
        shards = [wildcards.shard] if is_per_image(reader) else SHARDS
        return handed_on(stage, found, shards) if found else []

    if isinstance(stage_of(stage), TrainingStage):
        return network_of(lambda experiment: stage if home(experiment) else None)
    return made(receipts)


def handed_on(stage, home, shards):
    """What stands for the files of a stage: their receipts or, in a storage, bundles of them."""
    return (bundles_of if STORED else receipts_of)(stage, home, shards)


def output_of(stage, part="whole"):
    """The same as the output of a rule: of a shard, or of a training."""
    home = Path("results/{dataset}/{experiment}", stage)
    if STORED:
        return str(bundle_file(home, part))
    return str(receipt_file(home, part) if is_per_image(stage) else model_receipt(home))


def exported(home):
    """What answers for an export: its marker or, in a storage, all of it."""
    return directory(str(home)) if STORED else f"{home}/export.json"


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
    """What differs from the stage's defaults, as flags: a rule sees the options it uses, no
    others."""

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
