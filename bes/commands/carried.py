"""A job on a machine that has nothing but what its rule declares, and hands on nothing else.

Without a shared file system Snakemake moves the declared files between a storage and each job. The
files of a shard are one of them, a bundle; the job unpacks those that it reads.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from bes.data.manifest import PHOTOGRAPHS, ImageRecord, read_catalog, read_manifest, shards_folder
from bes.errors import BesError
from bes.incremental.stage import is_carried
from bes.storage.bundle import files_below, pack, unpack
from bes.storage.layout import bundle_file

WHOLE = "whole"
"""The name of a bundle that is not of a shard."""


def run_carried(argv: Sequence[str], store: Path, run: Callable[[Sequence[str]], int]) -> int:
    """Run a command of a rule, with `run`, in a folder that has the bundles it reads and beside
    `results` what the folder at hand has; returns its exit status."""
    store, here, flags = store.absolute(), Path.cwd(), dict(pairwise(argv))
    plan = flags.get("--plan")
    out = Path(flags["--out"]) if plan is None else Path(plan).parent
    if argv[0] == "dataset":
        # The one job that reads the user's own files: it runs where they are.
        if not (status := run(argv)):
            _hand_on_dataset(out, store)
        return status
    store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bes-", dir=store) as folder:
        scratch = Path(folder)
        for entry in here.iterdir():
            if entry.name != out.parts[0]:
                (scratch / entry.name).symlink_to(entry)
        if plan:
            (scratch / out).mkdir(parents=True)
            shutil.copy(plan, scratch / plan)
        for read in _folders_read(flags, out):
            _fetch(store, read, scratch, flags.get("--shard"))
        os.chdir(scratch)
        try:
            status = run(argv)
        finally:
            os.chdir(here)
        if not status:
            _hand_on(argv[0], scratch / out, out, store, flags)
    return status


def _folders_read(flags: dict[str, str], out: Path) -> Iterator[Path]:
    if "--plan" in flags:
        plan = json.loads(Path(flags["--plan"]).read_bytes())
        yield from {Path(folder) for folder in plan["evaluations"].values()}
    for flag, value in flags.items():
        path = Path(value)
        if flag[:2] == "--" and flag not in ("--out", "--plan") and path.parts[:1] == out.parts[:1]:
            yield path


def _fetch(store: Path, folder: Path, scratch: Path, shard: str | None) -> None:
    """Bring what there is of a stage's folder: of one shard, if the job is of one."""
    bundles = sorted(bundle_file(store / folder, WHOLE).parent.glob("*.tar"))
    for bundle in bundles:
        if shard is None or bundle.stem in (shard, WHOLE):
            unpack(bundle, scratch / folder)
    if not bundles and (store / folder).is_dir():
        shutil.copytree(store / folder, scratch / folder, dirs_exist_ok=True)


def _hand_on(stage: str, made: Path, out: Path, store: Path, flags: dict[str, str]) -> None:
    """Leave what a job made where Snakemake takes it from."""
    if is_carried(stage):
        files = files_below(made)
        if (log := Path(flags.get("--log", ""))).is_file():
            files[f"_logs/{log.name}"] = log
        pack(bundle_file(store / out, flags.get("--shard", WHOLE)), files)
    else:
        ignored = shutil.ignore_patterns("_memo", "_benchmarks")
        shutil.copytree(made, store / out, ignore=ignored, dirs_exist_ok=True)


def _hand_on_dataset(out: Path, store: Path) -> None:
    """The manifest, and a bundle of the photographs, masks and corrections of each shard."""
    ignored = shutil.ignore_patterns("_memo", "_logs", "_benchmarks")
    shutil.copytree(out, store / out, ignore=ignored, dirs_exist_ok=True)
    tables = {name: path for name, path in files_below(out).items() if name[:5] != "_memo"}
    pack(bundle_file(store / out, WHOLE), tables)
    root = read_catalog(out / "classes.json").root
    for table in sorted(shards_folder(out, held_out=False).glob("*.csv")):
        held_out = shards_folder(out, held_out=True) / table.name
        records = read_manifest(table) + read_manifest(held_out)
        files = {f"{PHOTOGRAPHS}/{name}": root / name for name in _files_of(records)}
        pack(bundle_file(store / out, table.stem), files)


def _files_of(records: list[ImageRecord]) -> Iterator[str]:
    for record in records:
        for name in filter(None, (record.path, record.mask, record.correction)):
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise BesError(
                    f"{name}: found a file outside of dataset.root, expected all of them below it "
                    "where results are kept in a storage"
                )
            yield name
