"""IRNet learns from localisation maps where one class ends."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from vouching import settle_digests, vouch_for

from bes.cli import main
from bes.data.images import encode_maps, read_boundary_map
from bes.data.manifest import read_catalog, read_manifest
from bes.incremental.stage import image_file
from bes.storage.files import write_atomic
from bes.storage.layout import model_file
from bes.training import loop as training


@pytest.fixture
def inputs(dataset: Path, tmp_path: Path) -> Path:
    """Photographs with a bright animal on the left, its localisation maps, a classifier's file."""
    root = read_catalog(dataset / "classes.json").root
    root.mkdir()
    for record in read_manifest(dataset / "images.csv"):
        photo = np.full((record.height, record.width, 3), 40, np.uint8)
        photo[:, : record.width // 2] = 220
        Image.fromarray(photo).save(root / record.path)
        maps = np.zeros((1, record.height // 4, record.width // 4))
        maps[..., : maps.shape[-1] // 2] = 1
        content = encode_maps(maps, [1], (record.height, record.width))
        write_atomic(image_file("cams", tmp_path / "cams", record.id), content)
    settle_digests(dataset)
    vouch_for(tmp_path / "cams", dataset)
    write_atomic(model_file(tmp_path / "classifier"), b"weights that nobody reads")
    vouch_for(tmp_path / "classifier")
    return tmp_path


def bes(*words: object) -> int:
    return main([str(word) for word in words])


def train(dataset: Path, inputs: Path, *flags: object) -> int:
    folders = ["--cams", inputs / "cams", "--classifier", inputs / "classifier"]
    return bes(
        *("irnet", "--dataset", dataset, *folders, "--out", inputs / "irnet"),
        *("--device", "cpu", "--threads", 1, "--backbone", "mobilenet_v2", "--weights", "none"),
        *("--crop", 48, "--batch-size", 4, "--radius", 5, "--crf-iterations", 2, *flags),
    )


def test_the_boundary_that_it_learns_is_where_the_class_ends(dataset: Path, inputs: Path) -> None:
    assert train(dataset, inputs, "--iterations", 80, "--lr", 0.1, "--momentum", 0.9) == 0
    rows = list(csv.DictReader((inputs / "irnet" / "metrics.csv").read_text().splitlines()))
    assert float(rows[-1]["total"]) < 0.8 * float(rows[0]["total"])

    chosen = ["--network", "irnet", "--irnet", inputs / "irnet"]
    out = ["--out", inputs / "maps", "--device", "cpu", "--threads", 1]
    assert bes("boundary_maps", "--dataset", dataset, *chosen, *out) == 0
    boundary = read_boundary_map(image_file("boundary_maps", inputs / "maps", "photo_00"))
    assert boundary.shape == (10, 12)
    assert boundary.mean(axis=0).argmax() in (5, 6)


def test_labels_of_background_and_of_nothing_sure_have_no_boundary(
    dataset: Path,
    inputs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Which is the likely cause where the network finds none."""
    for record in read_manifest(dataset / "images.csv"):
        maps = np.zeros((1, record.height // 4, record.width // 4))
        maps[..., : maps.shape[-1] // 2] = 0.2
        content = encode_maps(maps, [1], (record.height, record.width))
        write_atomic(image_file("cams", inputs / "cams", record.id), content)
    vouch_for(inputs / "cams", dataset)

    def trained(network: Any, **_: object) -> list[dict[str, float]]:
        network.fuse.weight.data.zero_()
        network.fuse.bias.data.fill_(-20)
        return [{"lr": 0.1, "total": 1.0}]

    monkeypatch.setattr(training, "train", trained)
    assert train(dataset, inputs, "--no-crf", "--theta-fg", 0.3, "--theta-bg", 0.1) == 2
    assert "expected boundaries; no training photograph has a boundary" in capsys.readouterr().err


def test_labels_computed_in_two_processes_train_the_same_network(
    dataset: Path, inputs: Path
) -> None:
    for threads in (1, 2):
        out = inputs / f"{threads}"
        assert train(dataset, inputs, "--iterations", 2, "--threads", threads, "--out", out) == 0
    one, two = (model_file(inputs / name).read_bytes() for name in ("1", "2"))
    assert one == two


def test_the_network_that_the_option_names_is_asked_for(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("boundary_maps", "--dataset", dataset, "--out", tmp_path / "maps")
    assert bes(*words, "--network", "irnet", "--benet", tmp_path / "benet") == 2
    assert "--irnet: found none, expected the folder of `bes irnet`" in capsys.readouterr().err
    assert bes(*words, "--irnet", tmp_path / "irnet") == 2
    assert "--benet: found none, expected the folder of `bes benet`" in capsys.readouterr().err
