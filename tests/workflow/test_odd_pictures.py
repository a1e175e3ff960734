"""Pictures that are odd but valid go through the dataset and every per-image stage."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from vouching import vouch_for

from bes.data.images import decode_labels, read_maps
from bes.data.manifest import ImageRecord, read_catalog, read_manifest
from bes.incremental.per_image import run_per_image
from bes.incremental.stage import (
    PerImageStage,
    all_stages,
    image_file,
    per_image_stages,
    stage_of,
    suffix_of,
)
from bes.networks.benet import build_benet
from bes.networks.classifier import build_classifier
from bes.stages.cams import CamOptions
from bes.stages.dataset import run_dataset
from bes.stages.shared.dataset_kinds import DatasetOptions
from bes.storage.layout import model_file
from bes.training.checkpoints import save_network

HEIGHT, WIDTH = 40, 56
HUGE = 10_000


def picture(mode: str = "RGB") -> Image.Image:
    """A red disc on a blue ground."""
    row, column = np.ogrid[:HEIGHT, :WIDTH]
    disc = (row - 20) ** 2 + (column - 28) ** 2 < 150
    return Image.fromarray(
        np.where(disc[..., None], (200, 30, 30), (30, 30, 200)).astype(np.uint8)
    ).convert(mode)


def rotated(orientation: int) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        picture().save(path, exif=exif)

    return save


def deep(*, colours: bool) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        pixels = np.array(picture()).astype(np.uint16) * 257
        cv2.imwrite(str(path), pixels if colours else pixels[..., 0])

    return save


def see_through(path: Path) -> None:
    image = picture().quantize(4)
    image.info["transparency"] = 0
    image.save(path)


def of_size(width: int, height: int) -> Callable[[Path], None]:
    return lambda path: picture().resize((width, height)).save(path)


PICTURES: dict[str, Callable[[Path], None]] = {
    "plain.jpg": lambda path: picture().save(path),
    "plain.png": lambda path: picture().save(path),
    "plain.webp": lambda path: picture().save(path),
    "plain.tiff": lambda path: picture().save(path),
    "plain.bmp": lambda path: picture().save(path),
    "grey.jpg": lambda path: picture("L").save(path),
    "grey and alpha.png": lambda path: picture("LA").save(path),
    "palette, see-through.png": see_through,
    "rgba.png": lambda path: picture("RGBA").save(path),
    "cmyk.jpg": lambda path: picture("CMYK").save(path),
    "deep.png": deep(colours=False),
    "deep.tif": deep(colours=True),
    "bits.png": lambda path: picture("1").save(path),
    **{f"turned {number}.jpg": rotated(number) for number in range(2, 9)},
    "progressive.jpg": lambda path: picture().save(path, progressive=True),
    "été 犬.jpg": lambda path: picture().save(path),
    "v1.2.final.JPG": lambda path: picture().save(path, "JPEG"),
    "narrow.png": of_size(1, HEIGHT),
    "tiny.png": of_size(2, 3),
    "huge.png": lambda path: Image.new("L", (HUGE, HUGE), 90).save(path),
}
TURNED = {f"turned {number}" for number in range(5, 9)}


def expected_size(name: str) -> tuple[int, int]:
    """Height and width as displayed."""
    sizes = {"narrow.png": (HEIGHT, 1), "tiny.png": (3, 2), "huge.png": (HUGE, HUGE)}
    turned = Path(name).stem in TURNED
    return sizes.get(name, (WIDTH, HEIGHT) if turned else (HEIGHT, WIDTH))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of the dataset, of two networks that learnt nothing, and of every per-image
    stage."""
    base = tmp_path_factory.mktemp("odd")
    rows = ["image,labels"]
    for number, (name, save) in enumerate(PICTURES.items()):
        # Pictures of one name in several formats are told apart by the number.
        file = base / "photographs" / f"{number:02d} {name}"
        file.parent.mkdir(exist_ok=True)
        save(file)
        rows.append(f'"{file.name}",{"cat" if number % 2 else "cat dog"}')
    (base / "photographs/labels.csv").write_text("\n".join(rows), encoding="utf-8")
    options = DatasetOptions(root=str(base / "photographs"), max_pixels=10_000)
    run_dataset(options, out=base / "dataset", shards=1, threads=1)
    torch.manual_seed(0)
    settings = {"backbone": "resnet18", "n_classes": 2, "pooling": "gap", "k": 0.0, "detach": True}
    for name, network in (
        ("classifier", build_classifier(settings, "none")),
        ("benet", build_benet(settings, "none")),
    ):
        save_network(model_file(base / name), network, settings)
        vouch_for(base / name)
    defaults = {name: stage.options() for name, stage in all_stages().items()}
    for name in per_image_stages():
        stage = stage_of(name)
        assert isinstance(stage, PerImageStage)
        options = CamOptions(scales=(1.0, 0.5)) if name == "cams" else stage.options()
        run_per_image(
            stage,
            options=options,
            dataset=base / "dataset",
            folders={
                source: base / source
                for source in stage.parents(options)
                if stage_of(source).there(defaults)
            },
            out=base / name,
            shards=["000"],
            threads=1,
            device="cpu",
        )
    return base


def record_of(results: Path, name: str) -> ImageRecord:
    number = list(PICTURES).index(name)
    (record,) = (
        record
        for record in read_manifest(results / "dataset/images.csv")
        if record.id.startswith(f"{number:02d} ")
    )
    return record


def test_there_are_many_kinds(results: Path) -> None:
    assert len(PICTURES) >= 25
    assert len(read_manifest(results / "dataset/images.csv")) == len(PICTURES)


@pytest.mark.parametrize("name", PICTURES)
def test_the_label_has_the_size_of_the_picture_as_displayed(results: Path, name: str) -> None:
    record = record_of(results, name)
    assert (record.height, record.width) == expected_size(name)
    labels = decode_labels(image_file("pseudo_labels", results / "pseudo_labels", record.id))
    assert labels.shape == expected_size(name)
    assert labels.max() <= 2


def test_every_stage_has_a_file_of_every_picture(results: Path) -> None:
    for stage in per_image_stages():
        assert len(list((results / stage).glob(f"*{suffix_of(stage)}"))) == len(PICTURES)


def test_a_huge_picture_is_computed_at_a_size_that_was_asked_for(results: Path) -> None:
    record = record_of(results, "huge.png")
    assert read_catalog(results / "dataset/classes.json").working_size(record) == (100, 100)
    maps = read_maps(image_file("cams", results / "cams", record.id))
    assert maps.size == (100, 100) and maps.maps.shape[1:] == (25, 25)
