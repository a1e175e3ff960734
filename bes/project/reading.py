"""The dataset read anew before the graph is made, where a few of its files changed.

The graph then has the shards that those photographs are in; were it the job that reads them, all
shards would have to be looked at after it.
"""

import contextlib
import sys
from pathlib import Path

from bes.data.stamps import Stamps, changed_files
from bes.project.sections import BASE
from bes.project.settings import Project
from bes.stages.dataset import dataset_inputs, run_dataset, stamp_file
from bes.stages.shared.dataset_kinds import stamp_of
from bes.storage.layout import whole_receipt
from bes.storage.receipts import broken, read_inputs
from bes.storage.words import counted

FEW = 200
"""Files that are read where the rules are read too, which may be the login node of a cluster."""


def read_few(project: Project) -> Stamps | None:
    """Bring the manifest up to date, if no more than a few files changed since it was written.

    Returns the stamps of the dataset's files, where they were looked at and no file was read.
    Raises BesError for unusable photographs and labels.
    """
    folder = project.folder(BASE, "dataset")
    options, shards = project.experiments[BASE].options["dataset"], project.settings.shards
    if not whole_receipt(folder).exists() or broken(folder):
        return None
    if read_inputs(whole_receipt(folder)) != dataset_inputs(options, shards):
        return None
    stamps = stamp_of(options)
    changed = changed_files(stamp_file(folder), Path(options.root), stamps, keep=True)
    count = sum(map(len, changed.values())) if changed else 0
    if not 0 < count <= FEW:
        return stamps
    files = counted(count, "file")
    print(f"bes: {folder}: {files} of the dataset changed, to be read anew", file=sys.stderr)
    log = folder / "_logs" / "dataset.log"
    log.parent.mkdir(exist_ok=True)
    with open(log, "w", encoding="utf-8") as file, contextlib.redirect_stdout(file):
        run_dataset(options, out=folder, shards=shards, threads=1)
    return None
