"""A network of boundaries that sees none, or nothing else, is an error that names its cause."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from plain import normalised
from vouching import settle_digests, vouch_for

from bes.cli import main
from bes.data.images import encode_boundary_labels
from bes.data.manifest import read_catalog, read_manifest
from bes.incremental.stage import image_file
from bes.method.boundary_labels import BoundaryLabel
from bes.storage.files import digest_bytes, write_atomic
from bes.storage.layout import model_file, receipt_file
from bes.storage.receipts import write_receipt
from bes.training import loop as training

Train = Callable[..., int]


@pytest.fixture
def train(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """`bes benet` whose training does nothing but to set the last layer, if that is given."""
    root = read_catalog(dataset / "classes.json").root
    root.mkdir()

    def run(*, label: int, logit: float | None = None) -> int:
        for shard in sorted((dataset / "shards").glob("*.csv")):
            files = {}
            for number, record in enumerate(read_manifest(shard)):
                photo = np.full((record.height, record.width, 3), 20 * number, np.uint8)
                photo[:, : record.width // 2] = 220
                Image.fromarray(photo).save(root / record.path)
                labels = np.zeros((record.height, record.width), np.uint8)
                labels[10:20] = BoundaryLabel.FOREGROUND if number else label
                path = image_file("boundary_labels", tmp_path / "boundary_labels", record.id)
                write_atomic(path, encode_boundary_labels(labels))
                files[path.name] = digest_bytes(path.read_bytes())
            write_receipt(receipt_file(tmp_path / "boundary_labels", shard.stem), files)
        settle_digests(dataset)
        write_atomic(model_file(tmp_path / "classifier"), b"not read")
        vouch_for(tmp_path / "classifier", dataset)

        def trained(network, **_: object) -> list[dict[str, float]]:
            if logit is not None:
                network.fuse.weight.data.zero_()
                network.fuse.bias.data.fill_(logit)
            return [{"lr": 0.1, "total": 1.0}]

        monkeypatch.setattr(training, "train", trained)
        words = ["benet", "--dataset", dataset, "--boundary-labels", tmp_path / "boundary_labels"]
        words += ["--classifier", tmp_path / "classifier", "--out", tmp_path / "benet"]
        words += ["--device", "cpu", "--backbone", "mobilenet_v2", "--weights", "none"]
        return main([*map(str, words), "--threads", "1", "--lr", "30"])

    return run


@pytest.mark.parametrize(
    ("logit", "word", "label"),
    [
        (20, "1", BoundaryLabel.BOUNDARY_FG_BG),
        (-20, "0", BoundaryLabel.BOUNDARY_FG_FG),
        (np.nan, "not a number", BoundaryLabel.BOUNDARY_FG_BG),
    ],
)
def test_maps_of_one_value_are_an_error_that_names_the_learning_rate(
    train: Train,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    logit: float,
    word: str,
    label: BoundaryLabel,
) -> None:
    assert train(label=label, logit=logit) == 2
    said = capsys.readouterr().err
    assert (
        f"benet: after the training the boundary maps of the 6 photographs looked at are {word}"
        in said
    )
    assert "the training went astray: lower lr (found 30) or momentum" in said
    assert not model_file(tmp_path / "benet").exists()


def test_labels_without_a_boundary_are_named_as_the_cause(
    train: Train, capsys: pytest.CaptureFixture
) -> None:
    assert train(label=BoundaryLabel.FOREGROUND, logit=-20) == 2
    said = capsys.readouterr().err
    assert "are 0 everywhere, expected boundaries; no training photograph has a boundary" in said


def test_one_map_with_a_boundary_among_those_looked_at_is_enough(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits, shown = iter([-20.0, -20.0, 0.0]), []

    def forward(_: object, image: torch.Tensor) -> torch.Tensor:
        shown.append(image)
        return torch.full((1, 1, 2, 2), next(logits))

    monkeypatch.setattr("bes.networks.benet.BENet.forward", forward)
    assert train(label=BoundaryLabel.FOREGROUND) == 0
    assert model_file(tmp_path / "benet").exists()
    # As it is trained and used.
    photo = np.array(Image.open(tmp_path / "photographs" / "photo_00.jpg"))
    torch.testing.assert_close(shown[0], normalised(photo)[None])


@pytest.mark.parametrize("logit", [None, -8.0, 8.0])
def test_maps_that_are_merely_low_or_high_are_kept(
    train: Train, tmp_path: Path, logit: float | None
) -> None:
    assert train(label=BoundaryLabel.FOREGROUND, logit=logit) == 0
    assert model_file(tmp_path / "benet").exists()
