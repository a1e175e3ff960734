"""`bes predict`: a network on a folder of photographs, and only what is missing or changed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from plain import normalised, smooth
from small_network import SMALL_NETWORK

from bes.cli import main
from bes.data.images import VOC_PALETTE, read_maps
from bes.predict import compute as computing
from bes.predict import run as running

SETTINGS = {"backbone": SMALL_NETWORK, "head": "aspp", "output_stride": 16, "n_labels": 4}
CRF = ["--crf-iterations", 2]
QUICK = [*CRF, "--scales", 1.0, "--no-flip"]


@pytest.fixture
def net(project: Any, rng: np.random.Generator) -> Any:
    """The project with a network, one photograph to train on, and one that was held out."""
    project.photograph("known", smooth(rng, 40, 56), split="train")
    project.photograph("held", smooth(rng, 45, 62), ("dog",), split="val")
    project.write(max_pixels=10_000)
    varied(project)
    return project


def varied(project: Any, seed: int = 7) -> None:
    """Give the project a network that finds every label in some place."""
    network = project.give_network("segmenter", SETTINGS, seed=seed)
    views = torch.stack([normalised(smooth(np.random.default_rng(n), 96, 96)) for n in range(4)])
    with torch.no_grad():
        logits = network(views)
        deviation, mean = torch.std_mean(logits, (0, 2, 3))
        for number, branch in enumerate(network.head.branches):
            branch.weight *= (3 / deviation)[:, None, None, None]
            branch.bias.copy_(-3 * mean / deviation if number == 0 else torch.zeros(4))
    project.keep_network("segmenter", network, SETTINGS)


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Photographs of all sorts, to predict."""
    path = tmp_path / "next"
    (path / "sub/deep er").mkdir(parents=True)
    Image.fromarray(smooth(rng, 45, 62)).save(path / "a.png")
    Image.fromarray(smooth(rng, 45, 62)).save(path / "b.png")
    Image.fromarray(smooth(rng, 200, 300)).save(path / "sub" / "lärge.JPG", quality=95)
    Image.fromarray(smooth(rng, 30, 50)).save(
        path / "sub/deep er/turned 1.jpg", exif=exif_of(6), quality=95
    )
    Image.fromarray(smooth(rng, 1, 90)).save(path / "thin.png")
    Image.fromarray(smooth(rng, 70, 1)).save(path / "tall.tiff")
    (path / "notes.txt").write_text("no photograph")
    return path


def exif_of(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


class Predicted:
    """A call of the command on a network, and which photographs it computed."""

    def __init__(self, net: Any, monkeypatch: pytest.MonkeyPatch):
        self.net, self.patch = net, monkeypatch
        self.out = net.base / "predicted"
        self.quick = True

    def __call__(self, folder: Path, *flags: object, status: int = 0) -> set[str]:
        computed: set[str] = set()
        real = computing.compute

        def spy(tasks: Any, *args: Any, **options: Any) -> Any:
            computed.update(str(task.path.relative_to(folder)) for task in tasks)
            return real(tasks, *args, **options)

        words = ["predict", folder, "--out", self.out, "--network", self.net.base / "segmenter"]
        words += ["--device", "cpu", "--threads", 1, *(QUICK if self.quick else CRF)]
        with self.patch.context() as patch:
            patch.setattr(computing, "compute", spy)
            try:
                assert main([str(word) for word in [*words, *flags]]) == status
            except SystemExit as end:
                assert end.code == status
        return computed

    def label(self, name: str) -> np.ndarray:
        with Image.open(self.out / "labels" / f"{name}.png") as image:
            assert image.mode == "P" and bytes(image.getpalette())[:30] == VOC_PALETTE[:30]
            return np.array(image)

    def files(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.out)): path.read_bytes()
            for path in self.out.rglob("*")
            if path.is_file() and "_memo" not in path.parts
        }


@pytest.fixture
def predict(net: Any, monkeypatch: pytest.MonkeyPatch) -> Predicted:
    return Predicted(net, monkeypatch)


EVERYTHING = {
    "a.png",
    "b.png",
    "sub/lärge.JPG",
    "sub/deep er/turned 1.jpg",
    "thin.png",
    "tall.tiff",
}
SIZES = {
    "a": (45, 62),
    "b": (45, 62),
    "sub/lärge": (200, 300),
    "sub/deep er/turned 1": (50, 30),
    "thin": (1, 90),
    "tall": (70, 1),
}


def test_every_photograph_has_a_label_of_its_size_at_its_place(
    predict: Predicted, folder: Path
) -> None:
    assert predict(folder) == EVERYTHING
    assert {name: predict.label(name).shape for name in SIZES} == SIZES
    assert len(predict.files()) == len(SIZES) + 1
    classes = json.loads((predict.out / "classes.json").read_text())["classes"]
    assert classes == ["cat", "dog", "owl"]
    assert len(np.unique(predict.label("a"))) > 1


@pytest.mark.parametrize("flags", [[], ["--no-crf"], ["--no-flip", "--scales", "1.0", "0.5"]])
def test_a_label_is_that_of_the_stages(
    net: Any, predict: Predicted, tmp_path: Path, flags: list[str]
) -> None:
    predict.quick = False
    of_maps = [flag for flag in flags if flag != "--no-crf"]
    net.run("segmentation_maps", *of_maps)
    net.run("predictions", *CRF, *(flag for flag in flags if flag == "--no-crf"))
    held = tmp_path / "held only"
    held.mkdir()
    shutil.copy(net.base / "photographs/held.png", held)
    # Beside others of its size, it goes through the network with them.
    for name in ("x", "y"):
        with Image.open(held / "held.png") as image:
            image.transpose(Image.Transpose.ROTATE_180).save(held / f"{name}.png")
    predict(held, *flags, "--probabilities")
    assert np.array_equal(predict.label("held"), net.pixels("predictions", "held"))
    maps, labels = net.maps("segmentation_maps", "held")
    found = read_maps(predict.out / "probabilities/held.npz")
    np.testing.assert_allclose(found.maps, maps, atol=1e-3)
    assert found.classes.tolist() == labels and found.size == (45, 62)


def test_the_options_are_those_of_the_stages_beside_the_network(
    net: Any, predict: Predicted, folder: Path
) -> None:
    predict.quick = False
    net.run("segmentation_maps", "--no-flip", "--scales", 1.0)
    net.run("predictions", "--no-crf")
    predict(folder)
    as_told = predict.files()
    predict(folder, "--crf")
    assert predict.files() != as_told
    shutil.rmtree(net.base / "segmentation_maps")
    shutil.rmtree(net.base / "predictions")
    assert predict(folder, "--no-flip", "--scales", 1.0, "--no-crf") == EVERYTHING
    assert predict.files() == as_told


def test_a_second_call_does_nothing_and_a_third_what_changed(
    net: Any, predict: Predicted, folder: Path, rng: np.random.Generator
) -> None:
    predict(folder)
    first = predict.files()
    assert predict(folder) == set()
    Image.fromarray(smooth(rng, 45, 62)).save(folder / "a.png")
    Image.fromarray(smooth(rng, 45, 62)).save(folder / "sub/new.webp", lossless=True)
    (predict.out / "labels/thin.png").unlink()
    damaged = predict.out / "labels/tall.png"
    damaged.write_bytes(damaged.read_bytes()[:-3])
    assert predict(folder) == {"a.png", "sub/new.webp", "thin.png", "tall.tiff"}
    files = predict.files()
    assert files["labels/thin.png"] == first["labels/thin.png"]
    assert files["labels/tall.png"] == first["labels/tall.png"]
    assert files["labels/a.png"] != first["labels/a.png"]


def test_other_options_or_another_network_compute_all_anew(
    net: Any, predict: Predicted, folder: Path
) -> None:
    predict(folder)
    assert predict(folder, "--scales", 0.5) == EVERYTHING
    varied(net, seed=8)
    assert predict(folder) == EVERYTHING


def test_a_run_that_was_killed_goes_on(
    predict: Predicted, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict(folder)
    whole = predict.files()
    shutil.rmtree(predict.out)
    written: list[Path] = []
    real = running.write_atomic

    def killed(path: Path, content: bytes) -> None:
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(path)
        real(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(running, "write_atomic", killed)
        with pytest.raises(KeyboardInterrupt):
            predict(folder)
    assert len(predict(folder)) == len(EVERYTHING) - 3
    assert predict.files() == whole


def test_overlays_are_added_without_the_network(
    predict: Predicted, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict(folder)
    labels = predict.files()

    def refuse(*_: object, **__: object) -> Any:
        return lambda *_: pytest.fail("the network is not needed")

    with monkeypatch.context() as patch:
        patch.setattr(computing, "mapper", refuse)
        assert predict(folder, "--overlays") == EVERYTHING
    files = predict.files()
    assert labels.items() <= files.items()
    assert {name for name in files if name.startswith("overlays/")} == {
        f"overlays/{name}.jpg" for name in SIZES
    }
    with Image.open(predict.out / "overlays/sub/lärge.jpg") as image:
        assert 9_000 < image.width * image.height <= 10_200
    shutil.rmtree(predict.out)
    predict(folder, "--overlays")
    assert predict.files() == files
    # One of another photograph is not left where it is not asked for.
    shutil.copy(folder / "b.png", folder / "a.png")
    assert predict(folder) == {"a.png"}
    assert files.keys() - predict.files().keys() == {"overlays/a.jpg"}
    assert predict(folder, "--overlays") == {"a.png"}


@pytest.mark.parametrize("form", ["csv", "jsonl", "folders"])
def test_classes_that_a_photograph_does_not_have_are_left_out(
    predict: Predicted, folder: Path, rng: np.random.Generator, form: str
) -> None:
    predict(folder)
    assert set(np.unique(predict.label("a"))) - {0, 2} != set()
    table = folder.parent / f"labels.{form}"
    if form == "csv":
        table.write_text("image,labels\na.png,dog\nb.png,\nsub/lärge,cat owl\n")
    elif form == "jsonl":
        rows = {"a.png": ["dog"], "b.png": [], "lärge.JPG": ["cat", "owl"]}
        lines = (json.dumps({"image": k, "labels": v}) + "\n" for k, v in rows.items())
        table.write_text("".join(lines))
    else:
        for name, file in {"dog": "a.png", "background": "b.png"}.items():
            (folder / name).mkdir()
            (folder / file).rename(folder / name / file)
        for name in ("cat", "owl"):
            (folder / name).mkdir()
            shutil.copy(folder / "sub/lärge.JPG", folder / name)
        table = folder
        shutil.rmtree(folder / "sub")
    predict(folder, "--labels", table)
    place = dict.fromkeys(("dog", "background", "cat"), "") if form != "folders" else {}
    prefix = {name: place.get(name, f"{name}/") for name in ("dog", "background", "cat")}
    large = "sub/lärge" if form != "folders" else "cat/lärge"
    assert set(np.unique(predict.label(f"{prefix['dog']}a"))) <= {0, 2}
    assert set(np.unique(predict.label(f"{prefix['background']}b"))) == {0}
    assert set(np.unique(predict.label(large))) <= {0, 1, 3}
    # Of the others nothing is known.
    assert predict(folder, "--labels", table) == set()
    assert predict(folder) == (
        {"a.png", "b.png", "sub/lärge.JPG"}
        if form != "folders"
        else {"dog/a.png", "background/b.png", "cat/lärge.JPG", "owl/lärge.JPG"}
    )


def test_left_out_classes_leave_their_probability_to_the_others(
    predict: Predicted, folder: Path
) -> None:
    table = folder / "labels.csv"
    table.write_text("image,labels\na.png,dog\n")
    predict(folder, "--probabilities", "--labels", table, "--least-probability", 0)
    found = read_maps(predict.out / "probabilities/a.npz")
    assert found.classes.tolist() == [0, 2]
    np.testing.assert_allclose(found.maps.sum(0), 1, atol=2e-3)


def test_what_cannot_be_read_is_told_of_and_the_others_go_on(
    predict: Predicted, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predict(folder)
    (folder / "b.png").write_bytes((folder / "b.png").read_bytes()[:200])
    (folder / "c.jpg").write_bytes(b"")
    assert predict(folder, status=1) == {"b.png", "c.jpg"}
    told = capsys.readouterr()
    assert f"{folder / 'c.jpg'}: an empty file, expected a picture" in told.err
    assert f"{folder / 'b.png'}: a damaged picture" in told.err
    assert "0 photographs predicted, 5 as they were, 2 failed" in told.out
    # It was the label of another photograph.
    assert not (predict.out / "labels/b.png").exists()
    assert predict(folder, status=1) == {"b.png", "c.jpg"}


def test_photographs_that_share_a_name_keep_their_endings(predict: Predicted, folder: Path) -> None:
    for name in ("a.jpg", "a.jpg.png"):
        Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(folder / name)
    predict(folder)
    assert {name for name in predict.files() if name.startswith("labels/a")} == {
        "labels/a.jpg.png",
        "labels/a.png.png",
        "labels/a.jpg.png.png",
    }
    assert predict.label("a.png").shape == (45, 62)


def test_results_inside_the_folder_are_no_photographs(predict: Predicted, folder: Path) -> None:
    predict.out = folder / "predicted"
    assert predict(folder, "--overlays") == EVERYTHING
    assert predict(folder, "--overlays") == set()


def test_all_cores_and_a_gpu_give_the_same(
    predict: Predicted, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict(folder, "--overlays", "--probabilities")
    alone = predict.files()
    shutil.rmtree(predict.out)
    predict(folder, "--overlays", "--probabilities", "--threads", 2)
    assert predict.files() == alone
    labels = {name: predict.label(name) for name in SIZES}
    maps = {name: read_maps(predict.out / "probabilities" / f"{name}.npz") for name in SIZES}
    shutil.rmtree(predict.out)
    # The way of a GPU, on a device that is there.
    monkeypatch.setattr(running, "acquire_device", lambda device: "cpu:0")
    predict(folder, "--overlays", "--probabilities", "--threads", 2)
    assert predict.files().keys() == alone.keys()
    for name in SIZES:
        found = read_maps(predict.out / "probabilities" / f"{name}.npz")
        assert found.classes.tolist() == maps[name].classes.tolist()
        np.testing.assert_allclose(found.maps, maps[name].maps, atol=1e-3)
        # Where two labels are equally likely, either of them.
        assert (predict.label(name) != labels[name]).mean() < 0.01


Spoil = Callable[[Any, Path], list[object]]
WRONG: dict[str, tuple[Spoil, str]] = {
    "no folder": (lambda net, folder: [folder / "gone"], "gone: found no such folder, expected"),
    "no photograph": (
        lambda net, folder: [folder.parent / "segmenter"],
        "found no photograph, expected one or more",
    ),
    "results over photographs": (
        lambda net, folder: [folder, "--out", folder.parent],
        "where the photographs are, expected another folder",
    ),
    "results beside a user's files": (
        lambda net, folder: [folder, "--out", folder / "sub"],
        "that `bes predict` did not write, expected an empty folder",
    ),
    "no network": (
        lambda net, folder: [folder, "--network", folder],
        "found no trained network in",
    ),
    "no such class": (
        lambda net, folder: [folder, "--labels", write(folder, "image,labels\na.png,dgo\n")],
        "labels.csv: row 2: found class 'dgo', expected one of cat, dog, owl; did you mean 'dog'?",
    ),
    "no table": (
        lambda net, folder: [folder, "--labels", folder / "gone.csv"],
        "gone.csv: no such file, expected a CSV",
    ),
    "a folder of classes elsewhere": (
        lambda net, folder: [folder, "--labels", folder.parent / "segmenter"],
        "with a folder for each class",
    ),
    "a row of two photographs": (
        lambda net, folder: [twin(folder), "--labels", write(folder, "image,labels\na,dog\n")],
        "labels.csv: row 2: found more/a.jpg and sub/a.jpg of that name, expected one, or folder",
    ),
    "other classes": (
        lambda net, folder: [change(net.base / "dataset/classes.json", folder)],
        "trained with other classes, or photographs of another size, than",
    ),
    "no dataset": (
        lambda net, folder: [remove(net.base / "dataset", folder)],
        "found no dataset/classes.json beside it",
    ),
    "a damaged network": (
        lambda net, folder: [change(net.base / "segmenter/model.safetensors", folder)],
        "model.safetensors: found other bytes than the digest in",
    ),
    "an option out of range": (
        lambda net, folder: [folder, "--crf-iterations", 0],
        "argument --crf-iterations: found '0', expected an integer, 1 to 1000",
    ),
}


def write(folder: Path, text: str) -> Path:
    (folder / "labels.csv").write_text(text)
    return folder / "labels.csv"


def twin(folder: Path) -> Path:
    (folder / "a.png").unlink()
    (folder / "more").mkdir()
    for name in ("more/a.jpg", "sub/a.jpg"):
        Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(folder / name)
    return folder


def change(path: Path, folder: Path) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[:-9] + b" " + content[-8:])
    return folder


def remove(path: Path, folder: Path) -> Path:
    shutil.rmtree(path)
    return folder


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_ends_in_a_sentence(
    net: Any, predict: Predicted, folder: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, sentence = WRONG[case]
    target, *flags = spoil(net, folder)
    predict(Path(str(target)), *flags, status=2)
    error = capsys.readouterr().err
    assert sentence in error and "Traceback" not in error
    assert not (predict.out / "labels").exists()


def test_the_only_network_in_results_is_found(
    net: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(net.base)
    words = ["predict", str(folder), "--out", "out", "--device", "cpu", "--threads", "1"]
    assert main(words) == 2
    assert "--network: found 0 trained networks in results, expected one" in capsys.readouterr().err
    home = net.base / "results/pets"
    for stage in ("segmenter", "dataset"):
        shutil.copytree(net.base / stage, home / "base" / stage)
    assert main([*words, *map(str, QUICK)]) == 0
    # An experiment of its own has its dataset in that of the base.
    shutil.move(home / "base/segmenter", home / "other/segmenter")
    assert main([*words, *map(str, QUICK)]) == 0
    assert "0 photographs predicted, 6 as they were" in capsys.readouterr().out
    shutil.copytree(home / "other/segmenter", home / "third/segmenter")
    assert main(words) == 2
    assert "found 2 trained networks in results" in capsys.readouterr().err
