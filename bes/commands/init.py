"""The subcommand that a person starts with: a folder of photographs -> the command to type."""

import argparse
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bes.storage.words import counted

if TYPE_CHECKING:
    from bes.project.settings import Project
    from bes.project.start import Start


class InitCommand:
    """A folder of photographs -> a configuration, and how long a run takes."""

    summary = "look at a folder of photographs, write a configuration, say how long a run takes"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        parser.add_argument(
            "folder", type=Path, metavar="FOLDER", help="photographs, in subfolders if you like"
        )
        parser.add_argument(
            "--labels",
            metavar="FILE",
            help="table of the labels, relative to the folder; one that is not there is started "
            "(default: what is found)",
        )
        parser.add_argument(
            "--weights",
            metavar="FILE",
            help="state dict of the backbone, mobilenet_v2 (default: downloaded once)",
        )

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        from bes.incremental.device import has_gpu
        from bes.project.start import BASED_ON, configuration, describe, look_at
        from bes.storage.files import write_atomic

        start = look_at(args.folder, args.labels)
        for line in describe(start):
            print(line)
        file = Path(f"{start.name}.yaml")
        if file.exists():
            unused = " (--weights is not used)" if args.weights else ""
            print(f"configuration: {file}, kept as it is{unused}; remove it to have a new one")
        else:
            text = configuration(start, weights=args.weights or "imagenet", gpu=has_gpu())
            write_atomic(file, text.encode())
            print(f"configuration: {file}")
        command = shlex.join(["bes", "run", "--configfile", str(BASED_ON), str(file)])
        if start.found is None:
            table = start.root / start.labels.labels
            again = shlex.join(["bes", "init", str(args.folder)])
            print(
                f"labels: {table} has a row for each photograph and no label yet. Write behind the "
                "comma what the photograph shows, such as `cat` or, of several, `cat;dog`; leave "
                "empty what shows none of your classes, and delete rows to leave photographs out. "
                f"Then `{again}` tells how long a run takes. The run itself:\n\n    {command}"
            )
            return
        from bes.project.settings import read_project

        _print_costs(read_project([BASED_ON, file], []), start)
        print(f"\nTo start:\n\n    {command}")


def _print_costs(project: "Project", start: "Start") -> None:
    """Time and disk of each stage, from earlier runs, else by a trial."""
    import shutil
    import tempfile

    from bes.data.manifest import Catalog
    from bes.incremental.device import has_gpu
    from bes.project.costs import Work, cores_here, earlier_rates, estimate, pixels_of
    from bes.project.sections import BASE
    from bes.project.trial import is_tried, trial_rates
    from bes.storage.progress import clock, heartbeat

    assert start.found is not None
    classes = start.found.classes
    dataset = project.experiments[BASE].options["dataset"]
    catalog = Catalog(start.root, classes, tuple(range(1, len(classes) + 1)), dataset.max_pixels)
    mean = pixels_of(catalog, start.sizes) / len(start.sizes)
    work, cores = Work(start.training, mean * start.training), cores_here()
    device = "cuda" if has_gpu() and project.settings.device != "cpu" else "cpu"
    rates = earlier_rates(project.results, project, device)
    source = "by earlier runs here"
    if not all(name in rates for name in filter(is_tried, project.wanted)):
        sys.stdout.flush()  # what was found comes before
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as scratch, heartbeat("starting PyTorch"):
            record = start.record(catalog)
            tried, device = trial_rates(project, catalog, record, scratch=Path(scratch))
        trial = f"by a trial of {time.monotonic() - began:.0f} s"
        source = f"{source} and {trial}" if rates else trial
        rates = {**tried, **rates}
    costs = estimate(project, work, rates, cores)
    print(f"\n{'stage':<18}{'time':>10}{'disk':>12}")
    for cost in costs:
        print(f"{cost.stage:<18}{clock(cost.seconds):>10}{_amount(cost.size):>12}")
    total = clock(sum(cost.seconds for cost in costs)), _amount(sum(cost.size for cost in costs))
    print(f"{'in all':<18}{total[0]:>10}{total[1]:>12}")
    where = "a GPU" if device == "cuda" else counted(cores, "core")
    missing = sorted(project.wanted - rates.keys())
    rest = f"; on top, not timed: {', '.join(missing)}" if missing else ""
    print(f"{source}, on {where}; longer where other work keeps them busy{rest}")
    free = shutil.disk_usage(Path()).free
    print(f"free on this disk: {_amount(free)}")


def _amount(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
