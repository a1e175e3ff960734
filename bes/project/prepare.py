"""What is done before a run of the workflow: what changed is voided, what is forced forgotten."""

import contextlib
import io
import json
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bes.data.manifest import read_manifest, shard_name, shard_of
from bes.errors import BesError
from bes.incremental.outside import check_files
from bes.incremental.snakemake_locks import run_in
from bes.incremental.stage import all_stages, is_per_image, suffix_of
from bes.project.reading import read_few
from bes.project.reviewed import not_taken, not_there
from bes.project.sections import BASE, TARGETS, parents_of
from bes.project.settings import Project, check_weights, outside_stages
from bes.project.staleness import (
    Place,
    comes_back,
    kept_networks,
    places,
    staleness,
    undo_future,
    void,
)
from bes.stages.dataset import facts_file
from bes.stages.shared.dataset_kinds import holds_out, stamp_of
from bes.storage.disk import check_room
from bes.storage.files import write_if_changed
from bes.storage.layout import cache_folder, memo_file, receipt_file, whole_receipt
from bes.storage.memo import Memo
from bes.storage.receipts import home_of, read_receipt, receipts_in, write_receipt

LOOKS = (
    *("dryrun", "dag", "rulegraph", "filegraph", "d3dag", "summary", "detailed_summary"),
    *("lint", "list_rules", "list_target_rules", "list_changes", "list_input_changes"),
    *("list_params_changes", "list_untracked", "list_conda_envs", "print_compilation"),
    *("generate_unit_tests", "containerize", "export_cwl", "archive", "touch", "unlock"),
    *("cleanup_metadata", "cleanup_shadow", "conda_cleanup_envs"),
    *("conda_create_envs_only", "delete_temp_output"),
)
"""Switches of Snakemake with which it runs no job."""


class Call(NamedTuple):
    """What a call of Snakemake asks for."""

    looks: bool = False
    """No job is run, so nothing may be written."""
    deletes: bool = False
    """`--delete-all-output`."""
    forced: tuple[str, ...] = ()
    """Rules and files to make anew, of `-R` and, with `-f`, the targets."""
    forced_all: bool = False
    """`-F`: the targets, and all that they come from."""
    targets: tuple[str, ...] = ()
    one_file: bool = False
    """`--report`, all of it in one HTML file."""


ONLY_ASK = {"fig4": "boundary_scores", "table2_to_4": "tables", "export_format": "export"}
"""Rules that are not called as the stage whose files they are of."""


def rule_names(project: Project, modifier: Any) -> dict[str, str]:
    """A rule as the user calls it -> its name here. Snakemake's modifier of a module knows which of
    them are used, and that `use rule * from bes as bes_*` renames them."""
    names = {*TARGETS, *project.comparisons}
    return {modifier.modify_rulename(name): name for name in names if modifier.avail_rulename(name)}


def read_call(arguments: Sequence[str], names: Mapping[str, str]) -> Call:
    """The call of a command line of Snakemake, profiles included; `names` are those of
    `rule_names`."""
    from snakemake.cli import parse_args

    try:
        # It says which profile it found, which Snakemake has said already.
        with contextlib.redirect_stderr(io.StringIO()):
            _, given = parse_args(list(arguments))
    # Of a program that uses Snakemake as a library: its own arguments.
    except (SystemExit, Exception):
        return Call()

    def words(name: str) -> tuple[str, ...]:
        found = map(str, getattr(given, name, None) or ())
        return tuple(names.get(word, word) for word in found)

    targets = words("targets")
    report = getattr(given, "report", None)
    reports = report is not None and not getattr(given, "report_after_run", False)
    return Call(
        looks=reports or any(getattr(given, name, None) for name in LOOKS),
        deletes=bool(given.delete_all_output),
        forced=words("forcerun") + (targets if given.force else ()),
        forced_all=bool(given.forceall),
        targets=targets,
        one_file=report is not None and Path(report).suffix != ".zip",
    )


class Prepared(NamedTuple):
    """How Snakemake is to go about a run."""

    forced: frozenset[str] = frozenset()
    """Receipts to make anew although they are there."""
    follows: bool = True
    """Whether what reads a file that is made anew is made anew too."""
    kept: frozenset[str] = frozenset()
    """Trainings whose networks stay as they are: from a new receipt of theirs nothing follows."""


def prepare(project: Project, call: Call) -> Prepared:
    """Get the results ready for a run of Snakemake in this folder, in its main process.

    Receipts of what changed are removed, so that it runs again with all that follows; where files
    are only to come back as they were, nothing follows. What is forced is forgotten, so that it is
    computed anew. Where the call only looks, nothing is written.
    """
    # First what would stop the run: weights that are not there, a dataset that cannot be read.
    check_weights(project)
    _check_outside(project, known=False)
    if not whole_receipt(project.folder(BASE, "dataset")).exists():
        stamp_of(project.experiments[BASE].options["dataset"])
    stamps = None
    if not call.looks:
        check_room(project.results, Path("."))
        if run_in(Path(".snakemake")).alone:
            stamps = read_few(project)
    _say_unused(project)
    dataset = project.experiments[BASE].options["dataset"]
    for line in (*not_taken(dataset), *not_there(dataset)):
        print(f"bes: {line}", file=sys.stderr)
    found = staleness(project, keep=not call.looks, stamps=stamps)
    reasons = found.reasons()
    receipt = whole_receipt(project.folder(BASE, "dataset"))
    _check_outside(project, known=receipt.exists() and receipt not in reasons)
    _say(reasons)
    # Snakemake does not look at what lies behind a job that nothing follows from: a target of the
    # user's might.
    asked = bool(call.forced or call.forced_all or set(call.targets) - {"all"})
    follows = asked or not comes_back(project, found)
    kept = kept_networks(project, found) if reasons and follows and not asked else frozenset()
    # Snakemake follows what is missing, whatever is said of its date.
    stays = {path: why for path, why in reasons.items() if _stage_of(path) in kept}
    if call.looks:
        return Prepared(_wanted(project, call, reasons), follows, kept)
    if call.deletes:
        for place in _asked_for(project, call.targets):
            _delete(place)
        return Prepared()
    if follows:
        void(reasons.keys() - stays)
    undo_future(project)
    if call.forced_all:
        for place in _asked_for(project, call.targets):
            forget(place)
    for name in call.forced:
        _force(project, name)
    for name in project.comparisons:
        write_if_changed(
            project.comparison_folder(name) / "_plan.json",
            (json.dumps(project.comparison_plan(name), indent=1) + "\n").encode(),
        )
    # A receipt that was removed is made again only where somebody asks for it: for the manifest's,
    # the target `all` does, and another one that is there does not.
    manifest = whole_receipt(project.folder(BASE, "dataset"))
    removed = {path: why for path, why in reasons.items() if asked and path == manifest}
    forced = {**stays, **removed} if follows else reasons
    return Prepared(_wanted(project, call, forced), follows, kept)


def _stage_of(receipt: Path) -> str:
    """The stage whose folder a receipt lies in."""
    return home_of(receipt).name


def _check_outside(project: Project, *, known: bool) -> None:
    """Raises BesError for a folder from outside that is not there or, where the photographs are
    known, lacks files of some."""
    outside = list(outside_stages(project))
    images = project.folder(BASE, "dataset") / "images.csv"
    records = read_manifest(images) if known and outside else []
    for stage, options in outside:
        check_files(stage, options, [r for r in records if r.held_out == stage.held_out])


def _say_unused(project: Project) -> None:
    """Say so where a segmentation network would be trained and applied to no photograph."""
    options = project.experiments[BASE].options["dataset"]
    if project.settings.goal == "predictions" and not holds_out(options):
        print(
            f"bes: goal=predictions: found no photographs held out from the training in "
            f"{options.root}, so the network is trained and applied to none; expected a list as "
            "dataset.val or a folder as dataset.test; or apply it afterwards with `bes predict "
            f"FOLDER --out OUT --network {project.folder(BASE, 'segmenter')}`",
            file=sys.stderr,
        )


def _say(reasons: Mapping[Path, list[str]]) -> None:
    """Say what is looked at anew and why, a line for each reason; most of it may be as it was."""
    found: dict[Path, Counter[str]] = {}
    for receipt, names in reasons.items():
        found.setdefault(home_of(receipt), Counter()).update(names[:3])
    of: dict[str, list[str]] = {}
    for folder, counts in found.items():
        words = ", ".join(name for name, _ in counts.most_common(3))
        above = "" if folder.parent.name == BASE else f"{folder.parent.name}/"
        of.setdefault(words, []).append(f"{above}{folder.name}")
    for words, among in of.items():
        print(f"bes: perhaps out of date ({words}): {', '.join(among)}", file=sys.stderr)


def ask(
    workflow: Any,
    project: Project,
    names: Mapping[str, str],
    forced: Collection[str],
    products: Callable[[str, Path], Sequence[Path]],
) -> None:
    """Have Snakemake make some receipts anew although they are there, as `--forcerun` would, and
    take a stage for a target: its products in the folder of every experiment.

    While a Snakefile is read there are no settings of the graph yet to change; they are there when
    the graph is made.
    """
    make_graph = workflow._prepare_dag

    def make_graph_as_asked(*args: Any, **kwargs: Any) -> Any:
        settings = workflow.dag_settings
        settings.forcerun = {*settings.forcerun, *forced}
        asked: list[str] = []
        for word in settings.targets:
            rule = names.get(word, "")
            found = [str(path) for home in _homes(project, rule) for path in products(rule, home)]
            asked += found or [word]
        settings.targets = type(settings.targets)(asked)
        return make_graph(*args, **kwargs)

    workflow._prepare_dag = make_graph_as_asked


def _homes(project: Project, rule: str) -> list[Path]:
    """The folders of a stage that is a target; none of a rule that is one by itself."""
    if rule not in all_stages() or rule == "export":
        return []
    if rule == "comparison":
        homes = [project.comparison_folder(name) for name in project.comparisons]
    else:
        homes = [project.folder(name, rule) for name in project.experiments]
    return list(dict.fromkeys(homes))


def _wanted(project: Project, call: Call, receipts: Mapping[Path, list[str]]) -> frozenset[str]:
    """Those of the receipts that the targets come from, as Snakemake takes what it is to force for
    a target too."""
    if set(call.targets) <= {"all"}:
        folders = {folder for _, folder in project.computed()}
        folders |= {project.comparison_folder(name) for name in project.comparisons}
    else:
        folders = {place.folder for place in _asked_for(project, call.targets)}
    return frozenset(
        str(receipt)
        for receipt, reasons in receipts.items()
        # Shards that the configuration no longer has are nothing to make.
        if reasons != ["shards"] and any(receipt.is_relative_to(folder) for folder in folders)
    )


def _asked_for(project: Project, targets: Sequence[str]) -> list[Place]:
    """The places that some targets, or the default one, come from; none of another workflow's."""
    every = list(places(project))
    if not targets or "all" in targets:
        return every
    chosen = [place for name in targets for place in _named(project, name)]
    wanted: set[tuple[str, str]] = set()
    pending = [(place.stage, place.experiment) for place in chosen]
    while pending:
        stage, experiment = pending.pop()
        if (stage, experiment) in wanted:
            continue
        wanted.add((stage, experiment))
        if stage == "comparison":
            members = project.comparisons[experiment].experiments
            pending += [("evaluation", project.home(member, "evaluation")) for member in members]
        else:
            options = project.experiments[experiment].options
            parents = parents_of(stage, options)
            pending += [(parent, project.home(experiment, parent)) for parent in parents]
    return [place for place in every if (place.stage, place.experiment) in wanted]


def _named(project: Project, name: str) -> list[Place]:
    """The places that a rule, or a file, is of; none of another word."""
    every = list(places(project))
    rule = ONLY_ASK.get(name, name.removesuffix("_of_image"))
    path = Path(name)
    return [
        place
        for place in every
        if rule == (place.experiment if place.stage == "comparison" else place.stage)
        or (rule, place.stage) == ("comparison", "comparison")
        or path.is_relative_to(place.folder)
    ]


def _force(project: Project, name: str) -> None:
    """Have a rule, or a file, computed anew."""
    for place in _named(project, name):
        path = Path(name)
        if not path.is_relative_to(place.folder) or not is_per_image(place.stage):
            forget(place)
        elif path.parent.name == "_receipts":
            forget(place, path.stem)
        else:
            image = path.name.removesuffix(suffix_of(place.stage))
            shard = shard_name(shard_of(image, project.settings.shards))
            Memo(memo_file(place.folder, shard)).forget([image])
            receipt_file(place.folder, shard).unlink(missing_ok=True)


def forget(place: Place, shard: str | None = None) -> None:
    """Forget what the files of a stage, or of one shard, were computed from."""
    memos = place.folder / "_memo"
    for path in memos.glob(f"{shard or '*'}.jsonl"):
        Memo(path).forget()
    if shard:
        receipt_file(place.folder, shard).unlink(missing_ok=True)
        return
    for receipt in receipts_in(place.folder):
        files = _files_of(receipt)
        if place.stage == "export" and files:
            # The marker also says which files the next export may replace.
            copy = home_of(receipt).with_name(f".{home_of(receipt).name}.json")
            write_receipt(copy, files, origin={})
        receipt.unlink()
    (memos / "checkpoint.pt").unlink(missing_ok=True)
    facts_file(place.folder).unlink(missing_ok=True)
    shutil.rmtree(cache_folder(place.folder), ignore_errors=True)


def _delete(place: Place) -> None:
    """Delete the files of a stage with all that is known of them."""
    for receipt in receipts_in(place.folder):
        for name in _files_of(receipt):
            (home_of(receipt) / name).unlink(missing_ok=True)
    forget(place)


def _files_of(receipt: Path) -> dict[str, str]:
    """What a receipt vouches for; nothing if it is damaged."""
    try:
        return read_receipt(receipt)
    except BesError:
        return {}
