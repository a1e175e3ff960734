"""Every network trains, and every committed configuration gives a result from each stage.

Crops are small, but leave what those of the configurations leave over for each stride. The learning
rate is 0: without ImageNet's weights and on a few pixels these networks are not stable.
"""

import itertools
import os
import shlex
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plain import smooth

from bes.options.backbones import BACKBONES
from bes.options.flags import flags_of
from bes.project.settings import read_project

CONFIG = Path(__file__).parents[2] / "config"
EVERY = [*BACKBONES, "timm:resnet10t", "timm:convnext_atto"]
HEADS = ("aspp", "largefov")
FEW = {"batch_size": 2, "iterations": 3, "lr": 0.0, "resize_long": (32, 48)}
STUDIES = [CONFIG / "studies" / f"{name}.yaml" for name in ("table1", "irnet", "fig3")]


@pytest.fixture
def photographs(project, rng):
    """Two to train on and one held out, with labels of each kind."""
    for name, split in (("a", "train"), ("b", "train"), ("c", "val")):
        project.photograph(name, smooth(rng, 42, 54), ("cat", "dog"), split=split)
    project.write()
    labels = np.kron(rng.integers(0, 3, (7, 9)), np.ones((6, 6), int)).astype(np.uint8)
    project.give("pseudo_labels", {"a": labels, "b": labels[:, ::-1].copy()})
    project.give("boundary_labels", dict.fromkeys("ab", 50 * labels))
    maps = np.stack([labels == 1, labels == 2])[:, ::4, ::4]
    project.give("cams", dict.fromkeys("ab", maps * 1.0))
    return project


def half(rows: Iterable[tuple[str, str, int, int]]) -> list[tuple[str, str, int, int]]:
    """Of backbones, heads, strides and crops those in which any three of the four meet;
    BES_EVERY=1 has all."""
    return [
        row
        for row in rows
        if "BES_EVERY" in os.environ
        or (EVERY.index(row[0]) + HEADS.index(row[1]) + row[2] // 8 + row[3]) % 2
    ]


@pytest.mark.parametrize(
    ("backbone", "head", "stride", "crop"),
    [
        *half(itertools.product([n for n in EVERY if n != "resnet101"], HEADS, (8, 16), (32, 33))),
        # ResNet-50 with more layers; at stride 8 and an odd crop it is in the configurations.
        ("resnet101", "largefov", 16, 32),
        ("resnet101", "aspp", 16, 33),
        *itertools.product(["timm:vit_tiny_patch16_224"], HEADS, (16,), (32, 33)),
    ],
)
def test_every_segmentation_network_trains(
    photographs, backbone: str, head: str, stride: int, crop: int
) -> None:
    flags = ["--backbone", backbone, "--weights", "none", "--head", head, "--crop", crop]
    flags += ["--output-stride", stride, "--iterations", 3, "--batch-size", 2, "--lr", 0]
    photographs.run("segmenter", *flags)
    losses = [float(row["total"]) for row in photographs.table("segmenter/metrics.csv")]
    assert len(losses) == 3 and np.isfinite(losses).all()


@pytest.mark.parametrize("backbone", [*EVERY, "timm:vit_tiny_patch16_224"])
@pytest.mark.parametrize("stage", ["benet", "irnet"])
def test_every_network_of_boundaries_trains(photographs, backbone: str, stage: str) -> None:
    flags = ["--backbone", backbone, "--weights", "none", "--batch-size", 1, "--lr", 0]
    flags += ["--iterations", 3] + (["--no-crf", "--radius", 3] if stage == "irnet" else [])
    photographs.run(stage, *flags, "--crop", 35)
    assert len(photographs.table(f"{stage}/metrics.csv")) == 3


def reduced(options: Any) -> Any:
    """The same options with small crops, few photographs and steps, and weights that are there."""
    names = {field.name for field in fields(options)}
    small: dict[str, Any] = {name: value for name, value in FEW.items() if name in names}
    if "crop" in names:
        small["crop"] = 32 + options.crop % 32
    if getattr(options, "weights", "none") == "imagenet":
        small["weights"] = "none"
    if "seed" in names:
        small["seed"] = 0
    return replace(options, **small)


FOLDER = "dataset={root: .}"
VGG = "segmenter={head: largefov, backbone: vgg16}"
Configured = tuple[list[str | Path], list[str]]


@pytest.mark.parametrize(
    "configured",
    [
        pytest.param([(["config.yaml"], [])], id="demo"),
        pytest.param(
            [
                (["photographs.yaml"], [FOLDER]),
                (["photographs.yaml", *STUDIES], [FOLDER]),
                (["photographs.yaml", "many_classes.yaml"], [FOLDER]),
            ],
            id="photographs",
        ),
        pytest.param(
            [(["photographs.yaml", "efficientnet_lite1.yaml"], [FOLDER])], id="efficientnet_lite1"
        ),
        pytest.param(
            [(["voc12.yaml"], []), (["voc12.yaml"], ["preset=paper"]), (["coco14.yaml"], [VGG])],
            id="published",
        ),
    ],
)
def test_a_configuration_runs_from_the_classifier_to_the_predictions(
    photographs, configured: list[Configured]
) -> None:
    """The first one from stage to stage; of the others, and of all experiments, what differs."""
    projects = [read_project([CONFIG / f for f in files], words) for files, words in configured]
    experiments = [one.options for project in projects for one in project.experiments.values()]
    base = projects[0].experiments["base"].options
    for stage in photographs.PER_IMAGE_AND_TRAINING:
        chosen = reduced(base[stage])
        others = dict.fromkeys(reduced(options[stage]) for options in experiments)
        # That of the base comes last: the stages after it read its files.
        for options in [*(other for other in others if other != chosen), chosen]:
            photographs.run(stage, *shlex.split(flags_of(options)))
    assert photographs.pixels("predictions", "c").shape == (42, 54)
    assert photographs.pixels("pseudo_labels", "a").shape == (42, 54)
