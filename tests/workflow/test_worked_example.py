"""The worked example of config/README.md, followed to the letter on small drawn photographs."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import CONFIG, Project
from PIL import Image
from warm import Warm

from bes.data.images import decode_labels

ROOT = Path(__file__).parents[2]
COLOURS = {"apple": (200, 40, 40), "red pear": (180, 160, 40), "plum": (90, 30, 120)}
MORE = "".join(f"IMG_{number:03d}.jpg,{list(COLOURS)[number % 3]}\n" for number in range(5, 11))


def blocks() -> dict[str, str]:
    """The first block of each language in the section of the example, /data being ./data."""
    text = (ROOT / "config/README.md").read_text(encoding="utf-8")
    section = text.split("## A worked example")[1].split("\n## ")[0].replace("/data/", "data/")
    found = re.findall(r"```(\w*)\n(.*?)```", section, re.DOTALL)
    return dict(reversed(found))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, warm: Warm) -> Any:
    """The workflow beside the photographs, the table and the configuration of the example."""
    project = Project.create(tmp_path_factory.mktemp("example") / "project", warm)
    fruit = project.path / "data/fruit"
    (fruit / "photos").mkdir(parents=True)
    # Four rows are too few to train on.
    table = blocks()["csv"] + MORE
    (fruit / "labels.csv").write_text(table, encoding="utf-8")
    for row in table.splitlines()[1:]:
        name, labels = row.split(",")
        image = Image.new("RGB", (80, 64), (60, 120, 60))
        for number, label in enumerate(filter(None, labels.split(";"))):
            image.paste(COLOURS[label], (5 + 40 * number, 12, 35 + 40 * number, 52))
        image.save(fruit / "photos" / name)
    (project.path / "config/fruit.yaml").write_text(blocks()["yaml"], encoding="utf-8")
    return project


def commands() -> list[list[str]]:
    return [shlex.split(line, comments=True) for line in blocks()["sh"].splitlines()]


def typed(project: Any, number: int) -> Any:
    """What a command of the example does."""
    return project.command(project.server.python, "-m", *commands()[number])


def test_the_commands_are_a_check_a_plan_and_a_run() -> None:
    assert [words[:2] for words in commands()] == [
        ["bes", "dataset"],
        ["snakemake", "-n"],
        ["snakemake", "--cores"],
    ]


def test_the_check_and_the_plan_need_nothing_but_the_files_of_the_example(project: Any) -> None:
    done = typed(project, 0)
    assert done.returncode == 0, done.stderr
    assert (
        "10 photographs: 10 train" in done.stdout and "1 photograph without labels" in done.stdout
    )
    done = typed(project, 1)
    assert done.returncode == 0, done.stderr
    assert not (project.path / "results/fruit/base/dataset/images.csv").exists()


def test_a_misspelt_class_is_reported_as_the_example_says(project: Any) -> None:
    table = project.path / "data/fruit/labels.csv"
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("IMG_003.jpg,plum", "IMG_003.jpg,plumm"), encoding="utf-8")
    done = typed(project, 0)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, blocks()[""].strip())
    table.write_text(text, encoding="utf-8")


def test_the_run_ends_with_labels_of_every_photograph(project: Any) -> None:
    """With networks that need no download and hardly any training."""
    file = project.path / "config/fruit.yaml"
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    small = {key: CONFIG[key] for key in ("device", "backbone", "weights")}
    for section in ("classifier", "benet", "cams", "boundary_labels", "boundary_maps"):
        config[section] = config.get(section, {}) | CONFIG[section]
    file.write_text(yaml.safe_dump(config | small), encoding="utf-8")
    done = typed(project, 2)
    assert done.returncode == 0, done.stderr[-4000:]
    labels = sorted((project.path / "results/fruit/base/pseudo_labels").glob("*.png"))
    assert [path.stem for path in labels] == [f"IMG_{number:03d}" for number in range(1, 11)]
    assert {decode_labels(path).shape for path in labels} == {(64, 80)}
    assert decode_labels(labels[3]).max() == 0  # IMG_004 shows none of the three
    assert decode_labels(labels[1]).max() <= 2  # IMG_002 shows apple and red pear
    assert (project.path / "results/fruit/base/report/page/index.html").is_file()
