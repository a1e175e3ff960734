"""The archive for the VOC server has VOC's numbers, whatever those of the dataset."""

import tarfile
from pathlib import Path

import numpy as np
import pytest
from vouching import vouch_for

from bes.data.images import decode_mask, encode_labels
from bes.data.manifest import Catalog, ImageRecord, write_dataset
from bes.errors import BesError
from bes.incremental.stage import NoOptions
from bes.incremental.whole import run_whole
from bes.stages.submission import ARCHIVE, FOLDER, STAGE


def submit(base: Path, *classes: str, prediction: list[list[int]] | None = None) -> np.ndarray:
    """The pixels in the archive of a prediction, which if not given has the indices of all."""
    record = ImageRecord("2008_000001", "a.jpg", 4, 1, (), "test", "0")
    other = ImageRecord("2008_000002", "b.jpg", 4, 1, (), "val", "0")
    values = tuple(range(1, len(classes) + 1))
    write_dataset(
        base / "dataset", records=[record, other], catalog=Catalog(base, classes, values), shards=1
    )
    (base / "predictions").mkdir()
    indices = np.array(prediction or [[i % (len(classes) + 1) for i in range(4)]], np.uint8)
    for image in (record.id, other.id):
        (base / f"predictions/{image}.png").write_bytes(encode_labels(indices))
    vouch_for(base / "predictions", base / "dataset")
    run_whole(
        STAGE,
        options=NoOptions(),
        dataset=base / "dataset",
        folders={"predictions": base / "predictions"},
        out=base / "out",
        threads=1,
    )
    with tarfile.open(base / "out" / ARCHIVE) as archive:
        # The server has the masks of split `test` alone.
        assert archive.getnames() == [f"{FOLDER}/2008_000001.png"]
        content = archive.extractfile(f"{FOLDER}/2008_000001.png")
        assert content is not None
        return decode_mask(content.read(), base / ARCHIVE)


def test_classes_have_vocs_numbers(tmp_path: Path) -> None:
    assert submit(tmp_path, "dog", "cat", "tvmonitor").tolist() == [[0, 12, 8, 20]]


def test_other_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BesError, match=r"classes\.json: found the class 'zebra', expected classes"):
        submit(tmp_path, "dog", "zebra")


@pytest.mark.parametrize(
    ("prediction", "sentence"),
    [
        ([[0, 1, 2, 3]], "found the label 3, expected 0 to 2"),
        ([[0], [1], [2], [0]], "found 1x4 pixels, expected the 4x1 of a.jpg"),
    ],
)
def test_a_prediction_that_is_of_something_else_is_refused(
    tmp_path: Path, prediction: list[list[int]], sentence: str
) -> None:
    with pytest.raises(BesError, match=rf"2008_000001\.png: {sentence}"):
        submit(tmp_path, "dog", "cat", prediction=prediction)
