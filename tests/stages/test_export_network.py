"""`bes export_network`: the network by itself gives the labels that it gives in PyTorch."""

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from plain import normalised, smooth
from small_network import SMALL_NETWORK

from bes.cli import main
from bes.networks.deeplab import build_deeplab
from bes.networks.inference import for_inference
from bes.predict import exported
from bes.predict.exported import FORMATS, Exported
from bes.predict.trained import read_trained

SETTINGS = {"backbone": "resnet18", "head": "aspp", "output_stride": 16, "n_labels": 4}
SIZES = [(64, 48), (45, 62), (1, 37), (70, 1), (16, 16)]
"""Whole cells, parts of them, as thin as can be, one cell."""
needs_onnx = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxruntime", "onnxscript")),
    reason="needs the extra `onnx`",
)
BOTH = [pytest.param("onnx", marks=needs_onnx), "torch-export"]


@pytest.fixture
def net(project: Any, rng: np.random.Generator) -> Any:
    """The project with a network and a few photographs."""
    for number in range(3):
        labels = ("cat", "owl")[: number + 1]
        project.photograph(f"t{number}", smooth(rng, 40 + 9 * number, 56), labels)
    project.photograph("v", smooth(rng, 45, 62), ("dog",), split="val")
    project.write()
    project.give_network("segmenter", SETTINGS)
    return project


def export(net: Any, format: str, *flags: object, status: int = 0) -> Path:
    out: Path = net.base / "exported"
    words = ["export_network", "--network", net.base / "segmenter", "--out", out]
    words += ["--format", format, "--threads", 1, *flags]
    assert main([str(word) for word in words]) == status
    return out


@pytest.mark.parametrize("format", BOTH)
def test_the_file_gives_the_labels_of_pytorch(
    net: Any,
    rng: np.random.Generator,
    format: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = export(net, format)
    name, _, run_file = FORMATS[format]
    said, meanwhile = capsys.readouterr()
    assert "100.0000% of the labels as by PyTorch" in said
    assert meanwhile.startswith("bes: loading the network ...\nbes: writing it as ")
    run, network = run_file((out / name).read_bytes()), net.network("segmenter")
    for count, (height, width) in enumerate(SIZES, 1):
        photos = [smooth(rng, height, width) for _ in range(count)]
        logits = run(np.stack(photos))
        assert logits.shape == (count, 4, height, width) and logits.dtype == np.float32
        # The plain way: normalised, continued by the mean to whole cells, enlarged, cut.
        padded = torch.zeros(count, 3, -(-height // 16) * 16, -(-width // 16) * 16)
        padded[:, :, :height, :width] = torch.stack([normalised(photo) for photo in photos])
        with torch.inference_mode():
            cells = torch.nn.Upsample(scale_factor=16, mode="bilinear")(network(padded))
        np.testing.assert_allclose(logits, cells[:, :, :height, :width], rtol=1e-3, atol=1e-4)
    classes, sides = known_of(out / name)
    assert classes == ["cat", "dog", "owl"]
    if format == "onnx":
        assert sides == [("photographs", "tensor(uint8)"), ("logits", "tensor(float)")]
    assert {path.name for path in out.iterdir()} == {"README.md", name}
    # As the card says.
    monkeypatch.chdir(out)
    Image.fromarray(smooth(rng, 45, 62)).save("photo.jpg")
    code = Path("README.md").read_text().partition("```python\n")[2].partition("```")[0]
    made: dict[str, Any] = {}
    exec(code, made)
    assert made["labels"].shape == (45, 62)


# The last two pad by what is left of each map, at strides and in pools.
@pytest.mark.parametrize(
    "backbone", ["mobilenet_v2", "timm:tf_mobilenetv3_small_minimal_100", SMALL_NETWORK]
)
def test_one_photograph_will_do_whatever_the_backbone(
    rng: np.random.Generator, backbone: str
) -> None:
    network = build_deeplab(SETTINGS | {"backbone": backbone}, "none")
    module = Exported(for_inference(network)).eval()
    run = exported.run_torch_export(exported.to_torch_export(module, ("cat", "dog", "owl")))
    photos = [smooth(rng, height, width) for height, width in SIZES]
    assert exported.agreement(module, run, photos) > 0.999


def known_of(file: Path) -> tuple[list[str], list[Any]]:
    """What a file says of itself: its classes, and of an ONNX file its input and its output."""
    if file.suffix == ".pt2":
        extra = {"classes.json": ""}
        torch.export.load(file, extra_files=extra)
        return json.loads(extra["classes.json"]), []
    import onnxruntime

    session = onnxruntime.InferenceSession(file)
    sides = [*session.get_inputs(), *session.get_outputs()]
    metadata = session.get_modelmeta().custom_metadata_map
    return json.loads(metadata["classes"]), [(side.name, side.type) for side in sides]


def test_a_file_with_other_labels_is_refused(
    net: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, _, _ = FORMATS["torch-export"]

    def wrong(content: bytes) -> exported.Runner:
        return lambda photographs: np.zeros((len(photographs), 4, *photographs.shape[1:3]))

    monkeypatch.setitem(FORMATS, "torch-export", (name, lambda *_: b"", wrong))
    out = export(net, "torch-export", status=2)
    error = capsys.readouterr().err
    assert "--format torch-export: found the label that PyTorch gives in" in error
    assert "expected 99.9% or more; nothing was written" in error
    assert not out.exists()


def test_a_network_that_cannot_be_written_is_refused(
    net: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("no such operator\nat all")

    monkeypatch.setattr(torch.export, "export", refuse)
    export(net, "torch-export", status=2)
    sentence = "cannot write this network (no such operator), expected one that it can, or"
    assert sentence in capsys.readouterr().err


def test_without_the_libraries_a_sentence_says_what_to_install(
    net: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    export(net, "onnx", status=2)
    error = capsys.readouterr().err
    assert "--format onnx: found no onnx" in error and "pip install -c constraints.txt" in error


def test_the_check_needs_the_photographs(
    net: Any, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    os.remove(net.base / "photographs/v.png")
    export(net, "torch-export", status=2)
    assert "v.png: no such file" in capsys.readouterr().err


# The model card


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of a format is not written, which takes a while."""
    kept: list[Exported] = []

    def write(module: Exported, classes: tuple[str, ...]) -> bytes:
        kept.append(module)
        return b"the network"

    name, _, _ = FORMATS["torch-export"]
    monkeypatch.setitem(FORMATS, "torch-export", (name, write, lambda content: kept[-1].run))


def test_the_card_says_what_the_network_knows_and_learnt_from(net: Any, quick: None) -> None:
    card = (export(net, "torch-export") / "README.md").read_text()
    assert "| 0 | background |  |\n| 1 | cat | 3 |\n| 2 | dog | 0 |\n| 3 | owl | 2 |" in card
    assert "3 photographs with the names of the classes in them. " in card
    assert "; none of them corrected by hand." in card
    assert read_trained(net.base / "segmenter").digest in card
    assert "at most 500,000 pixels" in card and "compared with PyTorch on 1 photograph" in card
    assert "## Licence\n\nNot known." in card and "## Limits" in card
    # Nothing was measured, and no journal is there.
    assert "None: it was not scored" in card and "Not recorded." in card


def test_the_card_has_the_scores_of_this_network_alone(net: Any, quick: None) -> None:
    mask = np.zeros((45, 62), np.uint8)
    mask[10:30, 10:40] = 2
    net.photograph("v", net.photo("v"), ("dog",), split="val", mask=mask)
    net.records.pop(3)
    net.write()
    net.give_network("segmenter", SETTINGS)
    net.run("segmentation_maps", "--scales", 1.0)
    net.run("predictions", "--no-crf")
    for stage in ("cams", "revised_maps", "pseudo_labels"):
        net.give(stage, {})
    net.run("evaluation")
    scores = net.json("evaluation/scores.json")["predictions"]
    card = (export(net, "torch-export") / "README.md").read_text()
    assert f"mIoU {scores['miou']:.1f} %, against the masks of 1 photograph of `val`" in card
    assert "at the scales 1.0, with the mirror image; this file alone" in card
    assert f"| dog | {scores['per_class']['dog']:.1f} |" in card
    net.give_network("segmenter", SETTINGS, seed=8)
    card = (export(net, "torch-export") / "README.md").read_text()
    assert "None: it was not scored" in card
