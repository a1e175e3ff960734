"""Maps from outside as nodes of the graph: a file swapped, a source swapped, a file missing."""

import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from bes.data.images import read_maps

IMAGES = 12
FILES = {
    "cams": {"source": "files", "folder": "maps"},
    "boundary_maps": {"source": "files", "folder": "boundaries"},
}
MADE = (*FILES, "revised_maps", "pseudo_labels")


def write_prior(project: Any, number: int, seed: int) -> None:
    """A foreground prior of a photograph."""
    record = project.records[number]
    pixels = np.random.default_rng(seed).integers(0, 256, (record.height, record.width), np.uint8)
    (project.path / "priors").mkdir(exist_ok=True)
    Image.fromarray(pixels).save(project.path / "priors" / f"{record.id}.png")


def experiment(**options: Any) -> dict[str, Any]:
    """A configuration with an experiment that has a foreground prior."""
    return {"experiments": {"prior": {"foreground": {"source": "files"} | options}}}


def run(project: Any, name: str = "base") -> dict[str, int]:
    """What a run computed of an experiment."""
    done = project.snakemake()
    assert done.returncode == 0, done.stderr[-4000:]
    return project.computed(name)


def test_a_foreground_prior(project: Any) -> None:
    for number in range(IMAGES):
        write_prior(project, number, seed=number)
    before = project.contents()
    project.configure(experiment(folder="priors"))
    assert run(project, "prior") == {"foreground": IMAGES, "pseudo_labels": IMAGES}
    assert before.items() <= project.contents().items()
    printed = project.bes("scores", project.folder("evaluation", "prior")).stdout
    assert "pseudo label (+S)" in printed and "revised map, configured  " in printed
    assert "(+S)" not in project.bes("scores", project.folder("evaluation")).stdout
    page = (project.folder("report", "prior") / "page/index.html").read_text()
    assert "pseudo label (+S)" in page
    # One that is swapped is one photograph's, and where they lie nobody's.
    (project.path / "priors").rename(project.path / "moved")
    shutil.copytree(project.path / "moved", project.path / "priors")
    write_prior(project, 3, seed=99)
    assert run(project, "prior") == {"foreground": 1, "pseudo_labels": 1}
    assert project.is_done()
    image = project.records[5].id
    (project.path / "priors" / f"{image}.png").unlink()
    refused = project.snakemake()
    assert refused.returncode == 2
    assert f"foreground.folder: priors: found no file of 1 of 12 photographs ({image})" in (
        refused.stderr
    )
    assert not any(project.path.glob("results/*/*/*/_logs/*.log")), "a job ran"


def test_maps_from_outside(project: Any, new_project: Callable[[], Any]) -> None:
    fresh = new_project()
    folder = fresh.path / "maps"
    folder.mkdir()
    for number, record in enumerate(project.records):
        maps, classes, _ = read_maps(project.file("cams", number))
        # As MCTformer writes them.
        content = {int(index) - 1: each for index, each in zip(classes, maps, strict=True)}
        np.save(folder / f"{record.id}.npy", np.array(content, dtype=object), allow_pickle=True)
    shutil.copytree(project.folder("boundary_maps"), fresh.path / "boundaries")
    fresh.configure(FILES)
    assert run(fresh) == dict.fromkeys(MADE, IMAGES)
    assert not fresh.folder("classifier").exists() and not fresh.folder("benet").exists()
    for stage in MADE:
        assert fresh.file(stage, 2).read_bytes() == project.file(stage, 2).read_bytes(), stage
    page = (fresh.folder("report") / "page/index.html").read_text()
    assert "CAM, configured (+S)" in page
    path = folder / f"{fresh.records[4].id}.npy"
    content = np.load(path, allow_pickle=True).item()
    mirrored = {key: each[:, ::-1].copy() for key, each in content.items()}
    np.save(path, np.array(mirrored, dtype=object), allow_pickle=True)
    assert run(fresh) == dict.fromkeys(("cams", "revised_maps", "pseudo_labels"), 1)
    assert fresh.is_done()


def test_from_networks_to_files_and_back_nothing_is_trained(project: Any) -> None:
    shutil.copytree(project.folder("boundary_maps"), project.path / "boundaries")
    project.configure({"boundary_maps": FILES["boundary_maps"]})
    # Of the same bytes, so that nothing follows.
    assert run(project) == {"boundary_maps": IMAGES}
    project.configure({})
    assert run(project) == {"boundary_maps": IMAGES}
