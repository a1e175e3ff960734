"""A small project: photographs, what stages wrote before, and the stage that is to run on them.

Everything that the tests of stages know of files, receipts and command lines is here.
"""

import csv
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from plain import bilinear, smooth

from bes.cli import main
from bes.data.images import (
    encode_boundary_labels,
    encode_boundary_map,
    encode_labels,
    encode_maps,
)
from bes.data.manifest import Catalog, ImageRecord, write_dataset
from bes.incremental.stage import image_file
from bes.networks.benet import build_benet
from bes.networks.classifier import build_classifier
from bes.networks.deeplab import build_deeplab
from bes.storage.files import digest_bytes, digest_file, write_atomic
from bes.storage.layout import model_file, model_receipt, receipt_file
from bes.storage.receipts import write_receipt
from bes.training import loop as training
from bes.training.checkpoints import load_settings, load_weights, save_network

BUILD = {
    "classifier": build_classifier,
    "benet": build_benet,
    "irnet": build_benet,
    "segmenter": build_deeplab,
    "teacher": build_deeplab,
}
READS = {
    "classifier": (),
    "cams": ("classifier",),
    "boundary_labels": ("cams",),
    "benet": ("boundary_labels", "classifier"),
    "irnet": ("cams", "classifier"),
    "boundary_maps": ("benet", "irnet"),
    "revised_maps": ("cams", "boundary_maps"),
    "pseudo_labels": ("revised_maps",),
    "segmenter": ("pseudo_labels", "classifier"),
    "teacher_labels": ("revised_maps",),
    "teacher": ("teacher_labels", "classifier"),
    "teacher_maps": ("teacher",),
    "revised_teacher_maps": ("teacher_maps", "boundary_maps"),
    "segmentation_maps": ("segmenter",),
    "predictions": ("segmentation_maps",),
    "evaluation": ("cams", "revised_maps", "pseudo_labels", "predictions"),
    "quality": ("boundary_maps", "revised_maps", "pseudo_labels"),
}
HELD_OUT = ("segmentation_maps", "predictions")
WITHOUT_DEVICE = (
    *("boundary_labels", "revised_maps", "teacher_labels", "revised_teacher_maps"),
    *("pseudo_labels", "predictions", "evaluation", "quality"),
)


class Training(NamedTuple):
    """What a stage hands to the training loop."""

    network: Any
    views: Any
    groups: list[dict[str, Any]]
    loss: Callable[[torch.Tensor, torch.Tensor], dict[str, torch.Tensor]]

    def rates(self) -> dict[str, tuple[float, float | None]]:
        """Parameter -> its learning rate, and its weight decay where it has one of its own."""
        names = {id(value): name for name, value in self.network.named_parameters()}
        return {
            names[id(parameter)]: (group["lr"], group.get("weight_decay"))
            for group in self.groups
            for parameter in group["params"]
        }


class Project:
    """One dataset and one folder for each stage."""

    PER_IMAGE_AND_TRAINING = tuple(s for s in READS if s not in ("evaluation", "quality"))

    def __init__(self, base: Path, monkeypatch: pytest.MonkeyPatch):
        self.base, self.monkeypatch = base, monkeypatch
        self.records: list[ImageRecord] = []
        self.classes: tuple[str, ...] = ("cat", "dog", "owl")

    def photograph(
        self,
        name: str,
        pixels: np.ndarray,
        labels: Sequence[str] = ("cat",),
        *,
        mask: np.ndarray | None = None,
        correction: np.ndarray | None = None,
        split: str = "train",
    ) -> None:
        """Add a photograph, uint8 (H,W,3); masks are written as they are."""
        root = self.base / "photographs"
        root.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(root / f"{name}.png")
        beside = {}
        for key, value in (("mask", mask), ("correction", correction)):
            if value is not None:
                Image.fromarray(value).save(root / f"{name}_{key}.png")
                beside[key] = f"{name}_{key}.png"
                beside[f"{key}_digest"] = digest_file(root / f"{name}_{key}.png") or ""
        height, width = pixels.shape[:2]
        digest = digest_file(root / f"{name}.png") or ""
        self.records.append(
            ImageRecord(name, f"{name}.png", width, height, tuple(labels), split, digest, **beside)
        )

    def write(self, *, max_pixels: int = 500_000, mask_values: tuple[int, ...] = ()) -> None:
        """Write the manifest."""
        values = mask_values or tuple(range(1, len(self.classes) + 1))
        catalog = Catalog(self.base / "photographs", self.classes, values, max_pixels)
        write_dataset(self.base / "dataset", records=self.records, catalog=catalog, shards=1)

    def walked(self, rng: np.random.Generator, size: tuple[int, int]) -> None:
        """Two photographs of (height, width), of several classes and of one, and in `walk` the
        revised maps that were written of them."""
        self.walk: dict[str, np.ndarray] = {}
        for name, labels in (("a", ("cat", "owl")), ("b", ("dog",))):
            self.photograph(name, smooth(rng, *size), labels)
            cells = tuple(-(-length // 4) for length in size)
            maps = bilinear(rng.random((len(labels), 4, 5)) ** 2, cells)
            self.walk[name] = (maps / maps.max()).astype(np.float16).astype(np.float64)
        self.write()
        self.give("revised_maps", self.walk)

    def photo(self, name: str) -> np.ndarray:
        """The pixels of a photograph."""
        return np.array(Image.open(self.base / "photographs" / f"{name}.png"))

    def indices(self, name: str) -> list[int]:
        """Label indices of a photograph."""
        record = next(record for record in self.records if record.id == name)
        return [self.classes.index(label) + 1 for label in record.labels]

    def give(self, stage: str, contents: dict[str, Any]) -> None:
        """What a per-image stage wrote: maps (K,h,w) of the classes present, labels, or (h,w)."""
        encode = {
            "boundary_labels": encode_boundary_labels,
            "boundary_maps": encode_boundary_map,
            "pseudo_labels": encode_labels,
            "teacher_labels": encode_labels,
            "predictions": encode_labels,
        }
        files = {}
        for name, content in contents.items():
            record = next(record for record in self.records if record.id == name)
            if stage in ("segmentation_maps", "teacher_maps"):
                maps, labels = content
                written = encode_maps(maps, labels, (record.height, record.width))
            elif stage in encode:
                written = encode[stage](content)
            else:
                written = encode_maps(content, self.indices(name), (record.height, record.width))
            path = image_file(stage, self.base / stage, name)
            write_atomic(path, written)
            files[path.name] = digest_bytes(written)
        write_receipt(receipt_file(self.base / stage, "000"), files)

    def give_network(self, stage: str, settings: dict[str, Any], *, seed: int = 7) -> Any:
        """The network that a training stage wrote: random weights, in evaluation mode."""
        torch.manual_seed(seed)
        network = BUILD[stage](settings, "none").eval()
        for module in network.modules():
            # So that a BatchNorm changes something.
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 2)
        self.keep_network(stage, network, settings)
        return network

    def keep_network(self, stage: str, network: Any, settings: dict[str, Any]) -> None:
        """A network as a training stage writes it."""
        path = model_file(self.base / stage)
        save_network(path, network, settings)
        classes = digest_file(self.base / "dataset" / "classes.json") or ""
        files = {path.name: digest_file(path) or ""}
        write_receipt(model_receipt(self.base / stage), files, {"classes": classes})

    def run(self, stage: str, *flags: object) -> None:
        """Run a stage by the command line; what it does not need may be missing."""
        words = [stage, "--dataset", self.base / "dataset", "--out", self.base / stage]
        for source in READS[stage]:
            if source != "predictions" or (self.base / source).exists():
                words += [f"--{source.replace('_', '-')}", self.base / source]
            if source in BUILD and not model_receipt(self.base / source).exists():
                write_receipt(model_receipt(self.base / source), {model_file(Path()).name: ""})
        # A digest of the code as a rule gives it; computed, it would take longer than most stages.
        words += ["--code", "of the tests"]
        words += ["--threads", 1, *([] if stage in WITHOUT_DEVICE else ["--device", "cpu"])]
        self.command(*words, *flags)

    @staticmethod
    def command(*words: object) -> None:
        """Run any command of `bes`."""
        assert main([str(word) for word in words]) == 0

    def training(self, stage: str, *flags: object) -> Training:
        """What a training stage would train, and on what: the loop itself is left out."""
        found = []
        shutil.rmtree(self.base / stage, ignore_errors=True)

        def spy(network: Any, *, views: Any, groups: Any, loss: Any, **_: Any) -> list:
            listed = [group | {"params": list(group["params"])} for group in groups]
            found.append(Training(network, views, listed, loss))
            return [{"lr": 0.0, "total": 0.0}]

        with self.monkeypatch.context() as patch:
            patch.setattr(training, "train", spy)
            self.run(stage, *flags)
        return found[0]

    def maps(self, stage: str, name: str) -> tuple[np.ndarray, list[int]]:
        """What a stage wrote: maps and label indices."""
        with np.load(image_file(stage, self.base / stage, name), allow_pickle=False) as archive:
            return archive["maps"].astype(np.float64), archive["classes"].tolist()

    def pixels(self, stage: str, name: str) -> np.ndarray:
        """What a stage wrote: a picture as it is in the file."""
        return np.array(Image.open(image_file(stage, self.base / stage, name)))

    def network(self, stage: str) -> Any:
        """What a training stage wrote."""
        path = model_file(self.base / stage)
        return load_weights(path, BUILD[stage](load_settings(path), "none"))

    def json(self, name: str) -> Any:
        """A file of a stage, such as `evaluation/scores.json`."""
        return json.loads((self.base / name).read_text())

    def table(self, name: str) -> list[dict[str, str]]:
        """The rows of a file of a stage, such as `benet/metrics.csv`."""
        return list(csv.DictReader((self.base / name).read_text().splitlines()))


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage sets the number of threads for its process; other tests keep theirs."""
    modules = ("incremental.per_image", "incremental.whole", "training.run", "predict.run")
    for module in (*modules, "predict.export_network"):
        monkeypatch.setattr(f"bes.{module}.limit_threads", lambda count: None)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(tmp_path, monkeypatch)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)
