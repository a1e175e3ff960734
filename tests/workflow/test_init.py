"""`bes init`: from a folder of photographs to the command that ends with masks."""

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from bes.cli import main
from bes.data.folder import collect
from bes.data.images import decode_labels
from bes.project.desk import open_desk
from bes.project.fitted import fitted
from bes.project.reviewed import go_on
from bes.project.settings import read_project
from bes.project.start import configuration, describe, look_at
from bes.stages.shared.dataset_kinds import DatasetOptions, layout_of

SHOWN = {"one.jpg": ["cat"], "two.jpg": ["dining table"], "three.jpg": ["cat", "dining table"]}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in SHOWN:
        photograph(tmp_path / "photos" / name)
    return tmp_path


def photograph(path: Path, size: tuple[int, int] = (40, 30)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(path.name)).integers(0, 256, (*size[::-1], 3), np.uint8)
    Image.fromarray(pixels).save(path)


def studio(name: str, labels: list[str]) -> dict[str, Any]:
    """A task of Label Studio, its file uploaded."""
    result = [{"type": "choices", "value": {"choices": labels}}]
    return {
        "data": {"image": f"/data/upload/1/0a1b2c3d-{name}"},
        "annotations": [{"result": result}],
    }


def coco() -> dict[str, Any]:
    names = ["cat", "dining table"]
    return {
        "images": [{"id": i, "file_name": f"deep/{name}"} for i, name in enumerate(SHOWN)],
        "categories": [{"id": 7 + i, "name": name} for i, name in enumerate(names)],
        "annotations": [
            {"image_id": i, "category_id": 7 + names.index(name), "iscrowd": 0}
            for i, shown in enumerate(SHOWN.values())
            for name in shown
        ]
        + [{"image_id": 0, "category_id": 8, "iscrowd": 1}],
    }


FORMS: dict[str, dict[str, str]] = {
    "label studio json": {"e.json": json.dumps([studio(*item) for item in SHOWN.items()])},
    "label studio csv": {
        "e.csv": "annotation_id,choice,id,image\n"
        '1,cat,1,/data/local-files/?d=photos/one.jpg\n2,dining table,1,"/data/upload/two.jpg"\n'
        '3,"{""choices"": [""cat"", ""dining table""]}",0,three.jpg\n'
    },
    "label studio json-min": {
        "e.json": json.dumps(
            [{"image": f"x/{n}", "choice": {"choices": s}} for n, s in SHOWN.items()]
        )
    },
    "roboflow": {
        "train/_classes.csv": "filename, cat, dining table\none.jpg, 1, 0\nthree.jpg, 1, 1\n",
        "valid/_classes.csv": "filename, cat, dining table\ntwo.jpg, 0, 1\n",
    },
    "coco": {"annotations/instances.json": json.dumps(coco())},
    "hugging face": {
        "metadata.jsonl": "".join(
            json.dumps({"file_name": name, "label": shown}) + "\n" for name, shown in SHOWN.items()
        )
    },
    "a row for each label": {
        "e.csv": "photo,class\none.jpg,cat\ntwo.jpg,dining table\n"
        "three.jpg,cat\nthree.jpg,dining table\n"
    },
    "as it is": {
        "my.csv": "image;labels\none.jpg;cat\ntwo.jpg;dining table\nthree.jpg;cat|dining table\n"
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_labels_are_found_in_any_form_and_nothing_is_overwritten(here: Path, form: str) -> None:
    for name, text in FORMS[form].items():
        (here / "photos" / name).parent.mkdir(exist_ok=True)
        (here / "photos" / name).write_text(text)
    for _ in range(2):  # what was written is what is found then
        start = look_at(Path("photos"), None)
        found = collect(layout_of(DatasetOptions(root="photos", labels=start.labels.labels)), ())
        assert not found.problems
        assert {e.photograph: list(e.labels) for e in found.entries} == SHOWN
    for name, text in FORMS[form].items():
        assert (here / "photos" / name).read_text() == text


@pytest.mark.parametrize("base", ["", "train/"])
def test_folders_of_classes_are_labels(here: Path, base: str) -> None:
    for name in SHOWN:
        (here / "photos" / name).unlink()
    for name, shown in (("a", "cat"), ("b", "cat"), ("c", "dog")):
        photograph(here / "photos" / f"{base}{shown}" / f"{name}.jpg")
    photograph(here / "photos" / f"{base.replace('train', 'validation')}dog" / "d.jpg")
    start = look_at(Path("photos"), None)
    assert start.labels.labels == (base.rstrip("/") or ".")
    assert start.found is not None
    assert start.found.classes == ("cat", "dog")


def test_a_table_is_started_and_filled(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "photos"]) == 0
    said, meanwhile = capsys.readouterr()
    assert "bes: looking at labels and sizes of 3 photographs ..." in meanwhile.splitlines()
    table = here / "photos/labels.csv"
    assert table.read_text() == "image,labels\none.jpg,\nthree.jpg,\ntwo.jpg,\n"
    assert "photos/labels.csv has a row for each photograph" in said
    assert "bes run --configfile config/photographs.yaml photos.yaml" in said
    table.write_text("image,labels\none.jpg,cat\nthree.jpg,cat;dog\ntwo.jpg,\n")
    start = look_at(Path("photos"), None)
    assert start.found is not None
    assert start.found.classes == ("cat", "dog")


def test_tables_of_no_known_form_are_named(here: Path) -> None:
    (here / "photos/mine.csv").write_text("one.jpg,cat\ntwo.jpg,dog\n")
    start = look_at(Path("photos"), None)
    assert start.labels.started
    assert "of no known form of labels, left out: mine.csv" in describe(start)


FAULTS = {
    "no folder": ({}, ["nowhere"], "nowhere: found no folder"),
    "no photograph": ({"../empty/a.txt": ""}, ["empty"], "empty: found no photograph"),
    "several tables": (
        {"a.csv": "image,labels\none.jpg,cat\n", "b.csv": "image,labels\none.jpg,dog\n"},
        ["photos"],
        r"found several tables of labels \(a.csv, b.csv\), expected one; name it with --labels",
    ),
    "other photographs": (
        {"labels.csv": "image,labels\nfour.jpg,cat\n"},
        ["photos"],
        "photos/labels.csv: found 1 row of other photographs, expected those of photos",
    ),
    "a photograph that is not there": (
        {"labels.csv": "image,labels\none.jpg,cat\nfour.jpg,cat\n"},
        ["photos"],
        "photos/labels.csv: row 3: found no photograph of 'four'",
    ),
    "no table": ({"labels.csv": "photo\none.jpg\n"}, ["photos"], "row 1: found 'photo', expected"),
    "no such table": ({}, ["photos", "--labels", "x.json"], "--labels: found no x.json, expected"),
    "an annotation of no image": (
        {"c.json": json.dumps(coco() | {"images": []})},
        ["photos"],
        "c.json: found COCO's annotations without what they name",
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faults_are_named_and_no_configuration_is_written(
    here: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files, words, sentence = FAULTS[case]
    for name, text in files.items():
        path = here / "photos" / name
        path.resolve().parent.mkdir(exist_ok=True)
        path.resolve().write_text(text)
    assert main(["init", *words]) == 2
    assert re.search(sentence, capsys.readouterr().err)
    assert not list(here.glob("*.yaml"))


@pytest.mark.parametrize("photographs", [1, 40, 479, 480, 5000])
@pytest.mark.parametrize("pixels", [10_000, 12_000_000])
def test_what_is_fitted_is_a_configuration(here: Path, photographs: int, pixels: int) -> None:
    settings = fitted(photographs, pixels)
    (here / "fitted.yaml").write_text(yaml.safe_dump(settings))
    project = read_project([Path("config/photographs.yaml"), Path("fitted.yaml")], [])
    assert 1 <= project.settings.shards <= photographs
    assert (pixels > 250_000) == ("max_pixels" in settings["dataset"])


def test_a_long_value_and_its_comment_stay_apart(here: Path) -> None:
    (here / "photos/labels.csv").write_text("image,labels\none.jpg,cat\ntwo.jpg,\nthree.jpg,dog\n")
    start, weights = look_at(Path("photos"), None), f"/data/{'long' * 20}/my weights.pth"
    written = yaml.safe_load(configuration(start, weights=weights, gpu=False))
    chosen = {key: value for key, value in fitted(start.training, start.pixels).items() if value}
    dataset = written.pop("dataset")
    review = {"corrections": "corrections", "review": "review.csv"}
    named = {"root": "photos", "labels": "labels.csv", "classes": ["cat", "dog"]}
    assert dataset == named | review
    chosen.pop("dataset", None)
    assert written["weights"] == weights and chosen.items() <= written.items()


@pytest.mark.parametrize(
    ("there", "names"),
    [
        ({"review.csv": "image,verdict\none,rejected\n", "corrections/one.png": ""}, True),
        ({"review.csv": "photograph,stars\none,5\n"}, False),
        ({"corrections/notes.txt": ""}, False),
    ],
)
def test_a_review_is_named_and_nothing_else_of_such_a_name(
    here: Path, there: dict[str, str], names: bool
) -> None:
    labels = "image,labels\none.jpg,cat\ntwo.jpg,\nthree.jpg,dog\n"
    for name, text in ({"labels.csv": labels} | there).items():
        (here / "photos" / name).parent.mkdir(exist_ok=True)
        (here / "photos" / name).write_text(text)
    text = configuration(look_at(Path("photos"), None), weights="none", gpu=False)
    dataset = yaml.safe_load(text)["dataset"]
    assert ("corrections" in dataset, "review" in dataset) == (names, names)


def test_a_configuration_file_that_is_not_there_is_named(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--configfile", "config/photographs.yaml", "none.yaml", "-n"]) == 2
    assert "--configfile: found no file none.yaml" in capsys.readouterr().err


def test_where_a_configuration_file_is_no_yaml_is_named(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.yaml").write_text("name: mine\nshards 1\ndevice: auto\n")
    assert main(["run", "--configfile", "config/photographs.yaml", "mine.yaml", "-n"]) == 2
    said = capsys.readouterr().err
    assert "bes: mine.yaml: not YAML (" in said and "line 2" in said


def test_a_target_among_the_settings_is_named(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "-n", "--config", "device=cpu", "classifier", "--cores", "1"]) == 2
    assert "--config: found 'classifier', expected KEY=VALUE" in capsys.readouterr().err


SMALLER: dict[str, Any] = {
    "device": "cpu",
    "classifier": {
        **{"iterations": 6, "batch_norm": "train", "frozen_stages": 0, "crop": 64},
        **{"batch_size": 4, "resize_long": [64, 80]},
    },
    "cams": {"scales": [1.0], "flip": False},
    "irnet": {"iterations": 2, "batch_size": 4, "crop": 64, "theta_fg": 0.6, "theta_bg": 0.5},
    "segmenter": {"iterations": 2, "batch_size": 4, "crop": 64},
    "pseudo_labels": {"threshold": 0.6, "crf_iterations": 2},
}


def review(project: Any, configuration: list[str], command: list[str]) -> list[str]:
    """Reject a label, accept one and mend two; says what to type, and returns their names."""
    files = [Path(word) for word in configuration]
    read = read_project(files, [])
    desk = open_desk(read, "base")
    for number, (verdict, tool) in enumerate(
        [("rejected", ""), ("accepted", ""), ("corrected", "scribble"), ("corrected", "brush")]
    ):
        points = [[20, 20], [40, 30]]
        drawn = {"tool": tool, "label": desk.records[number].labels[0], "width": 6}
        strokes = [drawn | {"points": points}] if tool else []
        desk.change(number, desk.state(number)["revision"], verdict, strokes)
    assert go_on(read, files, []) == ("", shlex.join(command))
    return [record.id for record in desk.records[:4]]


def test_the_commands_that_are_printed_lead_from_photographs_to_a_network(
    new_project: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = new_project()
    monkeypatch.chdir(project.path)
    photos = project.path / "my photos"
    shutil.copytree(project.path / "data/photographs/JPEGImages", photos)
    shutil.copy(project.path / "data/photographs/labels.csv", photos)
    done = project.bes("init", "my photos", "--weights", "none")
    assert done.returncode == 0, done.stderr
    assert "bes: trying irnet on a photograph ..." in done.stderr.splitlines()
    assert "..." not in done.stdout
    # Of every stage that takes long, and of all together.
    assert re.search(r"^irnet +\d+:\d+ +\d+\.\d MB$", done.stdout, re.MULTILINE)
    assert re.search(r"^in all ", done.stdout, re.MULTILINE)
    command = shlex.split(done.stdout.splitlines()[-1])
    assert command[:2] == ["bes", "run"]
    # As a person edits it, so that nothing else is typed than what is printed.
    file = project.path / "my-photos.yaml"
    written = yaml.safe_load(file.read_text())
    for key, value in SMALLER.items():
        written[key] = written.get(key, {}) | value if isinstance(value, dict) else value
    file.write_text(yaml.safe_dump(written))

    def run(*words: str) -> list[str]:
        ran = project.bes(*words[1:], "--max-threads", "1")
        assert ran.returncode == 0, ran.stderr[-4000:]
        assert not re.search("Reason|Job |jobid", ran.stderr)
        return list(ran.stderr.splitlines())

    def pixels(before: dict[str, bytes]) -> set[str]:
        """Networks, maps and labels that are others than before."""
        names = {name.removeprefix("results/my-photos/base/") for name in project.disturbed(before)}
        return {
            name
            for name in names
            if name.endswith((".png", ".npz", ".safetensors"))
            and not name.startswith(("report/", "export/"))
        }

    lines = run(*command)
    masks = project.path / "results/my-photos/base/pseudo_labels"
    assert len(list(masks.glob("*.png"))) == len(list(photos.glob("*.jpg"))) == 12
    assert lines[0] == "bes: starting"
    assert any(
        re.fullmatch(r"classifier: done.*, average precision \d\.\d+ on train", x) for x in lines
    )
    assert f"12 masks: {masks.relative_to(project.path)}" in lines
    # What that took is known by now.
    again = project.bes("init", "my photos")
    assert "my-photos.yaml, kept as it is" in again.stdout

    before = project.contents()
    rejected, _, *mended = review(project, command[3:], command)
    lines = run(*command)
    assert pixels(before) == {f"pseudo_labels/{image}.png" for image in mended}
    corrections = photos / "corrections"
    for image in mended:
        made = decode_labels(masks / f"{image}.png"), decode_labels(corrections / f"{image}.png")
        assert (made[0] == made[1]).all()
    (first,) = (number for number, line in enumerate(lines) if line.startswith("look first"))
    assert "of the 8 that nobody has dealt with yet" in lines[first]
    assert shlex.split(lines[first + 1]) == ["bes", "review", *command[2:]]

    export = shlex.split(lines[lines.index("then, for other programs:") + 1])
    run(*export)
    table = masks.parent / "export/imagefolder/train/metadata.jsonl"
    listed = {Path(json.loads(row)["file_name"]).stem for row in table.read_text().splitlines()}
    assert listed == {path.stem for path in photos.glob("*.jpg")} - {rejected}

    before = project.contents()
    lines = run(*command, "--config", "goal=predictions")
    assert {name.partition("/")[0] for name in pixels(before)} == {"segmenter"}
    (predict,) = (line for line in lines if line.startswith("    bes predict FOLDER --out OUT "))
    for image in project.spare[:2]:
        (project.path / "FOLDER").mkdir(exist_ok=True)
        shutil.copy(project.path / f"data/scenes/JPEGImages/{image}.jpg", project.path / "FOLDER")
    done = project.bes(*shlex.split(predict)[1:])
    assert done.returncode == 0, done.stderr
    assert {path.stem for path in Path("OUT/labels").iterdir()} == set(project.spare[:2])
