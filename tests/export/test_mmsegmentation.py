"""mmsegmentation itself builds its dataset from the config; `make test-consumers`."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.consumers

IMAGES = {"train": ["first", "grey", "lossless", "turned"], "val": ["last", "later"]}


class Operators(ModuleType):
    """The compiled operators of mmcv, which networks call and datasets only import by name."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Builds the dataset of a loader of a config file, as mmengine's runner does."""
    monkeypatch.setitem(sys.modules, "mmcv.ops", Operators("mmcv.ops"))
    import mmseg.datasets  # noqa: F401  it registers the types
    from mmengine import Config
    from mmengine.registry import DefaultScope
    from mmseg.registry import DATASETS

    DefaultScope.get_instance("export", scope_name="mmseg")

    def build(config: Path, loader: str, **changes: Any) -> Any:
        return DATASETS.build(Config.fromfile(config)[loader].dataset | changes)

    return build


@pytest.fixture
def child(tmp_path: Path) -> Path:
    """A user's config, in another folder than the export."""
    file = tmp_path / "mine.py"
    file.write_text('_base_ = ["export/mmsegmentation/bes_dataset.py"]\n')
    return file


@pytest.mark.parametrize("type", ["BaseSegDataset", "PascalVOCDataset"])
@pytest.mark.parametrize("split", IMAGES)
def test_labels_are_read_as_they_are(
    project: Any, indices: Any, build: Any, child: Path, split: str, type: str
) -> None:
    project.export("mmsegmentation")
    read = [{"type": "LoadImageFromFile"}, {"type": "LoadAnnotations"}]
    dataset = build(child, f"{split}_dataloader", type=type, pipeline=read)
    assert len(dataset.metainfo["classes"]) == len(dataset.metainfo["palette"]) == 3
    assert dataset.metainfo["label_map"] is None
    assert len(dataset) == len(IMAGES[split])
    for image, sample in zip(IMAGES[split], dataset, strict=True):
        assert np.array_equal(sample["gt_seg_map"], indices(image))
        assert sample["img"].shape[:2] == sample["gt_seg_map"].shape


@pytest.mark.parametrize("split", IMAGES)
def test_the_pipelines_run(project: Any, build: Any, child: Path, split: str) -> None:
    project.export("mmsegmentation")
    sample = build(child, f"{split}_dataloader")[0]
    values = set(np.unique(sample["data_samples"].gt_sem_seg.data.numpy()))
    assert values <= {0, 1, 2, 255} and len(values) > 1
