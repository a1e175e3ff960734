"""The ranking of the labels of a whole run."""

import csv
import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bes.data.images import encode_boundary_map, encode_labels, encode_maps
from bes.data.manifest import read_catalog, read_manifest, write_dataset
from bes.data.ranking import RankedLabel, read_ranking
from bes.errors import BesError
from bes.incremental.stage import image_file, stage_of
from bes.incremental.whole import run_whole
from bes.stages.quality import QualityOptions, always_together
from bes.storage.files import digest_file, write_atomic
from bes.storage.layout import receipt_file
from bes.storage.receipts import read_receipt, write_receipt


def rank(run, out: Path, *, images: int = 100, threads: int = 1) -> list[RankedLabel]:
    options = QualityOptions(images=images)
    folders = {stage: run.folders[stage] for stage in stage_of("quality").reads}
    run_whole(
        stage_of("quality"),
        options=options,
        dataset=run.dataset,
        folders=folders,
        out=out,
        threads=threads,
    )
    return read_ranking(out / "ranking.csv")


def replace(run, stage: str, number: int, content: bytes) -> None:
    """Another file of a photograph, vouched for."""
    file = image_file(stage, run.folders[stage], f"image {number} #é")
    write_atomic(file, content)
    receipt = receipt_file(run.folders[stage], "000")
    write_receipt(receipt, read_receipt(receipt) | {file.name: digest_file(file) or ""})


def test_every_photograph_is_ranked_and_the_empty_label_is_trusted_least(make_run, tmp_path):
    rows = rank(make_run(masks=False), tmp_path / "quality")
    assert [row.rank for row in rows] == [1, 2, 3, 4, 5, 6]
    assert {row.image for row in rows} == {f"image {number} #é" for number in range(6)}
    assert (rows[0].image, rows[0].score) == ("image 0 #é", 0)
    assert rows[0].reason == "nothing found of cat" and rows[0].labels == ("cat",)


def test_a_label_that_contradicts_its_maps_comes_before_those_that_do_not(make_run, tmp_path):
    run = make_run(masks=False)
    # The maps have the cat on the left.
    labels = np.zeros((24, 32), np.uint8)
    labels[:, 16:] = 1
    replace(run, "pseudo_labels", 4, encode_labels(labels))
    rows = rank(run, tmp_path / "quality")
    assert [row.image for row in rows[:2]] == ["image 0 #é", "image 4 #é"]


def test_the_reason_is_what_sets_a_label_apart(make_run, tmp_path):
    run = make_run(masks=False)
    replace(run, "boundary_maps", 3, encode_boundary_map(np.zeros((6, 8))))
    row = next(row for row in rank(run, tmp_path / "quality") if row.image == "image 3 #é")
    assert row.reason == "follows no boundary"


def test_a_photograph_without_classes_comes_last(make_run, tmp_path):
    run = make_run(masks=False)
    manifest, catalog = run.dataset / "images.csv", read_catalog(run.dataset / "classes.json")
    records = read_manifest(manifest)
    records[2] = dataclasses.replace(records[2], labels=())
    write_dataset(run.dataset, records=records, catalog=catalog, shards=1)
    replace(run, "revised_maps", 2, encode_maps(np.zeros((0, 6, 8)), [], (24, 32)))
    replace(run, "pseudo_labels", 2, encode_labels(np.zeros((24, 32), np.uint8)))
    last = rank(run, tmp_path / "quality")[-1]
    assert (last.image, last.score, last.labels) == ("image 2 #é", 1, ())
    assert last.reason == "no class to find"


def test_masks_change_nothing(make_run, tmp_path):
    without = rank(make_run(masks=False), tmp_path / "one")
    assert rank(make_run(masks=True), tmp_path / "other") == without


def test_a_second_run_writes_nothing(make_run, tmp_path):
    run, out = make_run(masks=False), tmp_path / "quality"
    rank(run, out)
    before = {path: path.stat().st_mtime_ns for path in out.iterdir() if path.is_file()}
    (run.folders["revised_maps"] / "image 1 #é.npz").unlink()  # It is not even read.
    rank(run, out)
    assert before == {path: path.stat().st_mtime_ns for path in out.iterdir() if path.is_file()}


def test_processes_do_not_change_a_byte(make_run, tmp_path):
    run = make_run(masks=False)
    for name, threads in (("one", 1), ("two", 2)):
        rank(run, tmp_path / name, threads=threads)
    for file in ("ranking.csv", "suspicious.jpg"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_sheet_shows_as_many_as_are_asked_for(make_run, tmp_path):
    run = make_run(masks=False)
    few, all_ = tmp_path / "few", tmp_path / "all"
    rank(run, few, images=1)
    rank(run, all_)
    one, six = (np.array(Image.open(out / "suspicious.jpg")) for out in (few, all_))
    assert one.shape == six.shape
    assert np.ptp(one[:, 200:]) < np.ptp(six[:, 200:])
    # The one that is left is the least trusted: the first of all, up to a block of the JPEG.
    np.testing.assert_array_equal(one[:, :160], six[:, :160])


def test_the_table_is_one_that_any_reader_of_csv_reads(make_run, tmp_path):
    rows = rank(make_run(masks=False), tmp_path / "quality")
    text = (tmp_path / "quality" / "ranking.csv").read_text(encoding="utf-8")
    table = list(csv.DictReader(io.StringIO(text)))
    assert list(table[0])[:4] == ["rank", "image", "labels", "score"]
    assert [float(row["score"]) for row in table] == [row.score for row in rows]


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "rank,image,labels,score\nx,y,z,1\n"])
def test_what_is_no_ranking_is_refused(tmp_path, content):
    (tmp_path / "ranking.csv").write_text(content)
    with pytest.raises(BesError, match=r"ranking.csv: not a ranking written by `bes quality`"):
        read_ranking(tmp_path / "ranking.csv")


def test_a_missing_ranking_is_named(tmp_path):
    with pytest.raises(BesError, match=r"no such file; `bes quality` writes it"):
        read_ranking(tmp_path / "ranking.csv")


def test_a_label_of_the_whole_frame_is_trusted_least_and_said_to_be_one(make_run, tmp_path):
    run = make_run(masks=False)
    replace(run, "pseudo_labels", 4, encode_labels(np.ones((24, 32), np.uint8)))
    rows = rank(run, tmp_path / "quality")
    (row,) = (row for row in rows if row.image == "image 4 #é")
    assert row.score == 0 and row.rank <= 2
    assert row.reason.startswith("fills the frame")


def test_classes_that_always_occur_together_are_named():
    boats = [("boat", "water")] * 3 + [("water",), ("cat", "dog")]
    assert always_together(boats) == {"boat": ["water"]}
    assert always_together([("a", "b")] * 3) == {"a": ["b"], "b": ["a"]}
    assert always_together([("a", "b")] * 2) == {}
