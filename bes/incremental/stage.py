"""What a stage declares, once: what it reads, what it gives, how its files are made; and what it is
handed to make them from.

Its command, its section of the configuration, its place in the graph and what its files depend on
all follow from the declaration, `STAGE` in the module of the stage's name in `bes/stages`.
"""

import functools
import graphlib
import importlib
import pkgutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from bes.data.manifest import Catalog, ImageRecord
from bes.storage.code_digest import code_digest
from bes.storage.files import digest_file
from bes.storage.layout import (
    kept_file,
    model_file,
    model_receipt,
    receipt_file,
    whole_memo,
    whole_receipt,
)
from bes.storage.memo import Memo, differences

Compute = Callable[[ImageRecord], bytes]


@dataclass(frozen=True)
class Sources:
    """What a stage reads: the dataset, the folders of other stages, on a device."""

    catalog: Catalog
    folders: dict[str, Path]
    device: str
    outside: Mapping[str, Path] = field(default_factory=dict)
    """Image -> its file from outside, where the stage reads such files."""

    def file(self, stage: str, record: ImageRecord) -> Path:
        """What another per-image stage wrote for the same photograph."""
        return image_file(stage, self.folders[stage], record.id)

    def model(self, stage: str) -> Path:
        """The network that a training stage wrote."""
        return model_file(self.folders[stage])


@dataclass(frozen=True)
class TrainingRun:
    """What a training reads, and where and how it runs."""

    catalog: Catalog
    records: list[ImageRecord]
    """All photographs of the manifest."""
    folders: dict[str, Path]
    """The folders of the stages that are read."""
    out: Path
    identity: str
    """A digest of all that the result depends on: a checkpoint of another identity is not
    resumed."""
    accelerator: str
    devices: int
    threads: int

    @property
    def train_records(self) -> list[ImageRecord]:
        """The photographs to train on."""
        return [record for record in self.records if record.split == "train"]

    def file(self, stage: str, record: ImageRecord) -> Path:
        """What a per-image stage wrote for a photograph."""
        return image_file(stage, self.folders[stage], record.id)

    @property
    def workers(self) -> int:
        """Processes that load photographs for each device: on the CPU the training needs the cores
        itself."""
        return max(self.threads // self.devices, 1) if self.accelerator == "cuda" else 0

    @property
    def checkpoint(self) -> Path:
        """Where an interrupted training goes on from."""
        return self.out / "_memo" / "checkpoint.pt"


class Trained(NamedTuple):
    """What a training gives."""

    network: Any
    settings: dict[str, Any]
    """What rebuilds the network; stored with its weights."""
    history: list[dict[str, float]]
    """Learning rate and losses of every iteration."""


@dataclass(frozen=True)
class WholeRun:
    """What a stage reads, and where its files go."""

    catalog: Catalog
    records: list[ImageRecord]
    """All photographs of the manifest."""
    dataset: Path
    folders: dict[str, Path]
    """The folders of the stages that are read."""
    out: Path
    threads: int
    inputs: dict[str, str]
    """Name of everything that the files depend on -> its digest."""

    @property
    def train_records(self) -> list[ImageRecord]:
        """The photographs to train on."""
        return [record for record in self.records if record.split == "train"]

    def file(self, stage: str, record: ImageRecord) -> Path:
        """What a per-image stage wrote for a photograph."""
        return image_file(stage, self.folders[stage], record.id)

    def unchanged(self, file: str, *, despite: Collection[str]) -> bytes | None:
        """A file as it was computed before, if no other input than some has changed since."""
        entry, kept = Memo(whole_memo(self.out)).entries.get(file), kept_file(self.out, file)
        if (
            entry is None
            or not set(differences(entry.origin, self.inputs)) <= set(despite)
            or entry.file != digest_file(kept)
        ):
            return None
        return kept.read_bytes()


@dataclass(frozen=True)
class NoOptions:
    """Of a stage that has none."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A node of the graph. All but the stage `dataset` read the dataset."""

    name: str
    options: type = NoOptions
    reads: tuple[str, ...] = ()
    """The stages that are read."""
    may_read: tuple[str, ...] = ()
    """The stages that are read where the goal needs them."""
    reads_if_there: tuple[str, ...] = ()
    """Of the optional stages, those that are read where the experiment has them."""
    on_demand: bool = False
    """Whether only a target asks for it, or another stage."""
    optional: bool = False
    """Whether not every experiment has it: its option `source` is `none`, a stage that it reads is
    not there, or nothing that is there reads it."""

    def there(self, options: Mapping[str, Any]) -> bool:
        """Whether an experiment with these options of its stages has the stage."""
        if not self.optional:
            return True
        source = getattr(options.get(self.name), "source", None)
        return source != "none" and all(stage_of(name).there(options) for name in self.reads)

    def parents(self, options: Any) -> tuple[str, ...]:
        """The stages that are read with these options, the dataset aside, if they are there."""
        return self.possible_parents

    @property
    def possible_parents(self) -> tuple[str, ...]:
        """The stages that are read with some options."""
        return self.reads + self.reads_if_there + self.may_read

    @property
    def sometimes(self) -> tuple[str, ...]:
        """Those of them that a run may be without."""
        return self.reads_if_there + self.may_read

    def receipts(self, folder: Path, shards: list[str]) -> list[Path]:
        """What vouches for the files in the stage's folder."""
        return [whole_receipt(folder)]

    def code(self) -> str:
        """The digest of the code that makes the stage's files."""
        return code_digest(f"bes.stages.{self.name}")

    @property
    def summary(self) -> str:
        """What the stage does: the first line of its module."""
        doc = importlib.import_module(f"bes.stages.{self.name}").__doc__ or ""
        return doc.partition("\n")[0].partition(": ")[2].rstrip(".")


@dataclass(frozen=True, kw_only=True)
class PerImageStage(Stage):
    """A stage that turns what there is of each photograph into one file."""

    prepare: Callable[[Any, Sources], Compute]
    """(options, sources) -> the function from a photograph to the bytes of its file.

    It imports what it needs itself: a job with nothing to do must not wait for torch.
    """
    suffix: str
    """The ending of the files."""
    files: tuple[str, ...] = ()
    """The endings of files from outside, one for each photograph, that are all that is read where
    the option `source` is `files`; the option `folder` says where they lie."""
    model: str | None = None
    """The training whose network is used."""
    networks: tuple[str, ...] = ()
    """Instead of `model`, trainings of which the option `network` names one."""
    photograph: bool = True
    """Whether the photograph itself is read."""
    correction: bool = False
    """Whether what was corrected by hand takes the place of the result."""
    on_device: bool = False
    """Whether a GPU is of use."""
    held_out: bool = False
    """Whether the photographs are those held out, not those to train on."""

    def from_files(self, options: Any) -> bool:
        """Whether files from outside are read with these options."""
        return bool(self.files) and options is not None and options.source == "files"

    def model_of(self, options: Any) -> str | None:
        """The training whose network is used with these options."""
        if self.from_files(options):
            return None
        return options.network if self.networks else self.model

    def parents(self, options: Any) -> tuple[str, ...]:
        """See `Stage`."""
        model = self.model_of(options)
        return self.reads + self.reads_if_there + ((model,) if model else ())

    @property
    def possible_parents(self) -> tuple[str, ...]:
        """See `Stage`."""
        model = (self.model,) if self.model else ()
        return self.reads + self.reads_if_there + self.networks + model

    @property
    def sometimes(self) -> tuple[str, ...]:
        """See `Stage`."""
        model = (self.model,) if self.model and self.files else ()
        return self.reads_if_there + self.networks + model

    def receipts(self, folder: Path, shards: list[str]) -> list[Path]:
        """See `Stage`."""
        return [receipt_file(folder, shard) for shard in shards]


@dataclass(frozen=True, kw_only=True)
class TrainingStage(Stage):
    """A stage that trains one network on all photographs to train on."""

    fit: Callable[[Any, TrainingRun], Trained]
    """Imports what it needs itself: a training with nothing to do must not wait for torch."""
    model: str | None = None
    """The training whose network may be started from."""
    without_rejected: bool = False
    """Whether photographs are left out whose pseudo label a person rejected."""
    measure: Callable[[Any, TrainingRun], dict[str, Any]] | None = None
    """Figures of the network in place, for the report; they may look at the photographs held out,
    of which the network itself is no function."""

    def model_of(self, options: Any) -> str | None:
        """The training whose network is started from with these options."""
        return self.model if self.model and options.weights == self.model else None

    def parents(self, options: Any) -> tuple[str, ...]:
        """See `Stage`."""
        model = self.model_of(options)
        return self.reads + ((model,) if model else ())

    @property
    def possible_parents(self) -> tuple[str, ...]:
        """See `Stage`."""
        return self.reads + ((self.model,) if self.model else ())

    @property
    def sometimes(self) -> tuple[str, ...]:
        """See `Stage`."""
        return (self.model,) if self.model else ()

    def receipts(self, folder: Path, shards: list[str]) -> list[Path]:
        """See `Stage`."""
        return [model_receipt(folder)]


@dataclass(frozen=True, kw_only=True)
class WholeStage(Stage):
    """A stage with a handful of files for the whole dataset."""

    compute: Callable[[Any, WholeRun], dict[str, bytes]]
    """(options, run) -> name -> content of every file."""
    dated: tuple[str, ...] = ()
    """Files that tell when they were made: they have no digest in the receipt, so that equal
    results have equal receipts."""
    assets: tuple[Path, ...] = ()
    """Files of the package that the stage reads: they count as its code."""
    outside: Callable[[Any], Mapping[str, str]] | None = None
    """options -> name -> digest of what is read from outside of dataset and results."""
    accepted: bool = False
    """Whether it counts which labels a person accepted."""
    say: Callable[[Path, Mapping[str, Path]], None] | None = None
    """Prints what the files in the folder say, by it and the folders that the stage reads, with
    that of the dataset."""

    def code(self) -> str:
        """See `Stage`."""
        return code_digest(f"bes.stages.{self.name}", *self.assets)


@functools.cache
def stage_of(name: str) -> Stage:
    """The stage of a name; raises ModuleNotFoundError for another word.

    A job imports the modules of the stages that it reads, not all of them.
    """
    stage = importlib.import_module(f"bes.stages.{name}").STAGE
    assert stage.name == name, f"bes/stages/{name}.py declares {stage.name}"
    return stage


@functools.cache
def all_stages() -> dict[str, Stage]:
    """Every stage by its name, upstream first."""
    import bes.stages

    modules = pkgutil.iter_modules(bes.stages.__path__)
    found = [module.name for module in modules if not module.ispkg]
    reads = {name: {*stage_of(name).possible_parents, "dataset"} - {name} for name in found}
    sorter = graphlib.TopologicalSorter({name: sorted(reads[name]) for name in sorted(found)})
    return {name: stage_of(name) for name in sorter.static_order()}


def per_image_stages(*, held_out: bool = False, optional: bool = False) -> list[str]:
    """The per-image stages of the photographs to train on, or of those held out, in order; with
    `optional` those too that not every experiment has."""
    return [
        name
        for name, stage in all_stages().items()
        if isinstance(stage, PerImageStage)
        and stage.held_out == held_out
        and (optional or not stage.optional)
    ]


def image_file(stage: str, folder: Path, image_id: str) -> Path:
    """The file of one photograph in the folder of a per-image stage."""
    return folder / f"{image_id}{suffix_of(stage)}"


def suffix_of(name: str) -> str:
    """The ending of the files of a per-image stage."""
    stage = stage_of(name)
    assert isinstance(stage, PerImageStage), f"{name} is no per-image stage"
    return stage.suffix


def is_per_image(name: str) -> bool:
    """Whether a stage has a file for each photograph."""
    return isinstance(stage_of(name), PerImageStage)


def is_carried(name: str) -> bool:
    """Whether a stage has files that no rule declares: those of photographs, or a network."""
    return isinstance(stage_of(name), PerImageStage | TrainingStage)
