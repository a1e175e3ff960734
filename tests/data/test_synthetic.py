"""The scenes of the demo: always the same, each independent of the others."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bes.data import synthetic
from bes.data.images import read_mask, read_photograph
from bes.data.manifest import read_catalog, read_manifest
from bes.data.scenes import PATTERNS, render_scene
from bes.data.truth import read_truth
from bes.errors import BesError
from bes.stages.dataset import run_dataset
from bes.stages.shared.dataset_kinds import DatasetOptions

SIZE = (64, 80)


def content_of(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_the_names_are_in_the_order_of_the_patterns() -> None:
    assert tuple(PATTERNS) == synthetic.CLASSES


def test_a_scene_depends_on_seed_and_number_alone() -> None:
    photograph, mask = render_scene(3, 7, SIZE)
    assert photograph.shape == (*SIZE, 3) and mask.shape == SIZE
    again = render_scene(3, 7, SIZE)
    assert (again[0] == photograph).all() and (again[1] == mask).all()
    assert (render_scene(3, 8, SIZE)[0] != photograph).any()
    assert (render_scene(4, 7, SIZE)[0] != photograph).any()


def test_masks_hold_classes_within_a_void_rim() -> None:
    seen: set[int] = set()
    for index in range(20):
        mask = render_scene(0, index, SIZE)[1]
        seen |= set(np.unique(mask).tolist())
        # Between two different labels there is always void.
        across = (mask[:, 1:] != mask[:, :-1]) & (mask[:, 1:] != 255) & (mask[:, :-1] != 255)
        assert not across.any()
    assert seen == {0, 1, 2, 3, 4, 5, 255}


def test_more_images_keep_the_first_ones(tmp_path: Path) -> None:
    synthetic.generate(tmp_path / "a", images=3, size=SIZE, seed=1)
    synthetic.generate(tmp_path / "b", images=5, size=SIZE, seed=1)
    few, more = content_of(tmp_path / "a"), content_of(tmp_path / "b")
    pictures = [name for name in few if name.endswith((".jpg", ".png"))]
    assert len(pictures) == 6 and all(few[name] == more[name] for name in pictures)


def test_a_second_call_changes_nothing_and_a_lost_file_comes_back(tmp_path: Path) -> None:
    root = tmp_path / "scenes"
    synthetic.generate(root, images=5, size=SIZE, seed=1)
    content = content_of(root)
    dates = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}
    synthetic.generate(root, images=5, size=SIZE, seed=1)
    assert all(path.stat().st_mtime_ns == date for path, date in dates.items())
    (root / "JPEGImages" / "scene_00002.jpg").unlink()
    synthetic.generate(root, images=5, size=SIZE, seed=1)
    assert content_of(root) == content


def test_an_interrupted_call_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "scenes"
    with monkeypatch.context() as patch:
        patch.setattr(synthetic, "_write_scenes", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            synthetic.generate(root, images=2, size=SIZE, seed=1)
    synthetic.generate(root, images=2, size=SIZE, seed=1)
    assert len(list((root / "JPEGImages").iterdir())) == 2


def test_a_folder_of_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("my own work")
    with pytest.raises(BesError, match="did not generate"):
        synthetic.generate(tmp_path, images=2, size=SIZE, seed=1)
    assert content_of(tmp_path) == {"labels.csv": b"my own work"}


def test_a_size_of_one_number_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BesError, match=r"dataset\.size"):
        synthetic.generate(tmp_path / "scenes", images=2, size=(64,), seed=1)


def test_the_stage_reads_what_it_generated(tmp_path: Path) -> None:
    options: dict[str, Any] = {"kind": "synthetic", "root": str(tmp_path / "scenes")}
    run_dataset(
        DatasetOptions(**options, images=10, size=SIZE),
        out=tmp_path / "dataset",
        shards=2,
        threads=2,
    )
    records = read_manifest(tmp_path / "dataset" / "images.csv")
    catalog = read_catalog(tmp_path / "dataset" / "classes.json")
    assert [record.split for record in records].count("val") == 2
    for record in records:
        photograph = read_photograph(catalog.root / record.path)
        truth = read_truth(catalog, record)
        assert photograph.shape[:2] == truth.shape == SIZE
        present = set(np.unique(truth).tolist()) - {0, 255}
        assert present == set(catalog.indices(record))
        assert set(np.unique(read_mask(catalog.root / record.mask))) - {0, 255} <= set(range(1, 6))
