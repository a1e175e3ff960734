"""The report of a whole run."""

import csv
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bes.data.manifest import read_manifest, to_csv
from bes.errors import BesError
from bes.incremental.stage import stage_of
from bes.incremental.whole import run_whole
from bes.report.page import _data
from bes.stages.report import ReportOptions

PANELS = [
    "photographs",
    "cams",
    "boundary_labels",
    "boundary_maps",
    "revised_maps",
    "pseudo_labels",
    "masks",
]


def report(run, out: Path, *, images: int = 120) -> str:
    run_whole(
        stage_of("report"),
        options=ReportOptions(images=images),
        dataset=run.dataset,
        folders=run.folders,
        out=out,
        threads=1,
    )
    return (out / "page" / "index.html").read_text(encoding="utf-8")


def contents(out: Path) -> dict[str, bytes]:
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and "_benchmarks" not in path.parts
    }


def pictures(out: Path, panel: str = "*") -> set[str]:
    return {
        path.relative_to(out / "page" / "pictures").as_posix()
        for path in (out / "page" / "pictures").glob(f"{panel}/*.webp")
    }


def gallery(page: str) -> dict[str, dict]:
    """What the page says of each photograph."""
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    return {entry["id"]: entry for entry in json.loads(text)["photographs"]}


def rows_of(page: str, section: str) -> list[list[str]]:
    """The cells of all tables of a section, as text."""
    part = page[page.index(f'<section id="{section}">') :]
    part = part[: part.index("</section>")]
    return [
        [
            re.sub(r"<[^>]*>", "", cell).strip()
            for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.S)
        ]
        for row in re.findall(r"<tr.*?</tr>", part, re.S)
    ]


class Addresses(HTMLParser):
    """All that a page refers to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("src", "href")]


def test_every_photograph_has_a_picture_of_every_stage(make_run, tmp_path):
    page = report(make_run(masks=True), tmp_path / "report")
    assert pictures(tmp_path / "report") == {
        f"{panel}/image {number} #é.webp" for panel in PANELS for number in range(6)
    }
    assert all(entry["panels"] == PANELS[1:] for entry in gallery(page).values())


def test_the_page_refers_to_nothing_outside_its_folder(make_run, tmp_path):
    page = report(make_run(masks=True), tmp_path / "report")
    assert all(re.match(r"#|data:|pictures/", address) for address in Addresses(page).found)
    assert "//" not in re.sub(r"base64,[^\"]*|^\s*//.*$", "", page, flags=re.MULTILINE)


def test_names_are_escaped(make_run, tmp_path):
    page = report(make_run(masks=True), tmp_path / "animals" / "<base>" / "report")
    assert "animals / &lt;base&gt;" in page and "<base>" not in page


def test_a_name_cannot_end_the_data_of_the_gallery():
    assert "</script>" not in _data({"id": "</script><script>"})


def test_the_score_table_has_the_five_rows(make_run, tmp_path):
    report(make_run(masks=True), tmp_path / "report")
    with open(tmp_path / "report" / "scores.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["labels"], row["threshold"], row["miou"]) for row in rows] == [
        ("CAM, configured", "0.25", "50.0"),
        ("CAM, best", "0.4", "52.5"),
        ("revised map, configured", "0.25", "50.0"),
        ("revised map, best", "0.5", "61.0"),
        ("pseudo label", "", "62.5"),
    ]
    assert (rows[0]["background"], rows[0]["cat"], rows[0]["dog"]) == ("60.0", "40.0", "")


def test_published_scores_are_marked_as_such(make_run, tmp_path):
    page = report(make_run(masks=True), tmp_path / "report")
    assert (
        "Published, on VOC 2012 with 21 classes: not comparable with scores on other data" in page
    )
    assert all(f'<td class="figure">{miou}</td>' in page for miou in (49.6, 50.4, 65.7, 66.4, 67.2))
    for network, val, test in (
        ("LargeFOV (VGG-16)", 60.1, 61.1),
        ("ASPP (ResNet-101)", 65.7, 66.6),
    ):
        assert f'{network}, val</th><td class="figure">{val}</td>' in page
        assert f'{network}, test</th><td class="figure">{test}</td>' in page


def test_without_masks_the_page_says_why_there_are_no_scores(make_run, tmp_path):
    page = report(make_run(masks=False), tmp_path / "report")
    assert "No scores: no training photograph has a mask." in page
    assert 'id="extremes"' not in page
    assert {entry["miou"] for entry in gallery(page).values()} == {None}
    assert (tmp_path / "report" / "thresholds.png").exists()
    assert (tmp_path / "report" / "scores.csv").read_text().splitlines() == [
        "labels,threshold,miou,background,cat,dog"
    ]


def test_each_photograph_bears_the_score_of_its_pseudo_label(make_run, tmp_path):
    page = report(make_run(masks=True), tmp_path / "report")
    # The first pseudo label is empty: half of its background is right, nothing of its cat.
    assert [entry["miou"] for entry in gallery(page).values()] == [25.0] + [100.0] * 5
    assert gallery(page)["image 0 #é"]["iou"] == {"background": 50.0, "cat": 0.0}


def test_the_scores_of_all_photographs_are_a_table_too(make_run, tmp_path):
    report(make_run(masks=True), tmp_path / "report", images=0)
    with open(tmp_path / "report" / "photographs.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["IoU cat"] for row in rows] == ["0.0"] + ["100.0"] * 5
    assert rows[0]["empty"] == "1" and rows[1]["empty"] == "0"


def test_the_worst_and_the_median_photograph_of_a_class_are_shown(make_run, tmp_path, monkeypatch):
    monkeypatch.setattr("bes.report.gallery.FIRST", 1)
    page = report(make_run(masks=True), tmp_path / "report", images=1)
    part = page[page.index('id="extremes"') : page.index('id="gallery"')]
    assert re.findall(r'data-open="([^"]*)"', part) == ["image 0 #é", "image 3 #é"]
    assert "IoU 0.0 %" in part and "IoU 100.0 %" in part
    assert pictures(tmp_path / "report", "masks") == {
        "masks/image 0 #é.webp",
        "masks/image 3 #é.webp",
    }


def test_a_label_that_was_accepted_is_not_to_be_looked_at_first(make_run, tmp_path):
    run = make_run(masks=False, ranking=True)
    page = report(run, tmp_path / "before")
    part = page[page.index('id="first"') : page.index("Most trusted")]
    assert "1 of them look doubtful" in page and 'data-open="image 0 #é"' in part
    (run.dataset / "accepted.csv").write_text("image,verdict\nimage 0 #é,accepted\n")
    page = report(run, tmp_path / "after")
    part = page[page.index('id="first"') : page.index("Most trusted")]
    assert "0 of them look doubtful" in page and 'data-open="image 0 #é"' not in part


def test_without_masks_a_ranking_chooses_them(make_run, tmp_path):
    page = report(make_run(masks=False, ranking=True), tmp_path / "report")
    part = page[page.index('id="extremes"') : page.index('id="gallery"')]
    assert "number 1 to look at" in part and "number 4 to look at" in part and "IoU" not in part
    assert gallery(page)["image 2 #é"]["rank"] == 3


def test_photographs_with_a_prediction_are_shown_where_there_are_any(make_run, tmp_path):
    page = report(make_run(masks=True, held_out=2), tmp_path / "report")
    assert gallery(page)["other 1"]["panels"] == ["masks", "predictions"]
    assert gallery(page)["other 1"]["miou"] == 25.0
    assert pictures(tmp_path / "report", "predictions") == {
        "predictions/other 0.webp",
        "predictions/other 1.webp",
    }


def test_options_that_differ_from_their_defaults_come_first(make_run, tmp_path):
    rows = rows_of(report(make_run(masks=True), tmp_path / "report"), "settings")
    changed = [["cams", "scales", "1.0, 0.5", "1.0"], ["benet", "scales", "1.0, 0.5", "1.0"]]
    assert sorted(rows[1:3]) == sorted(changed) and len(rows) == 3 + 1 + 6


def test_versions_and_time_are_those_of_the_runs_that_made_the_files(make_run, tmp_path):
    page = report(make_run(masks=True), tmp_path / "report")
    assert ["torch", "2.4.0 (cams); 2.5.0 (benet)"] in rows_of(page, "versions")
    assert ["numpy", "2.1.0"] in rows_of(page, "versions")
    cams = ["cams", "6", "3.0 s", "5.0 s", "2.00", "300.0 MB", "2 cores"]
    assert cams in rows_of(page, "time")


def test_results_without_a_journal_have_a_page_that_says_so(make_run, tmp_path):
    run = make_run(masks=True)
    for stage in ("cams", "benet"):
        shutil.rmtree(run.folders[stage] / "_benchmarks")
    assert report(run, tmp_path / "report").count("Not recorded.") == 3


def test_a_weak_class_and_an_empty_pseudo_label_are_warned_of(make_run, tmp_path):
    page = report(make_run(masks=True), tmp_path / "report")
    warnings = page[page.index("<aside") : page.index("</aside>")]
    assert "average precision of dog is 0.25" in warnings and "of cat" not in warnings
    assert "1 of 6" in warnings and "image 0 #é" in warnings


def test_a_second_report_is_the_same_to_the_byte(make_run, tmp_path):
    run = make_run(masks=True)
    report(run, tmp_path / "first")
    report(run, tmp_path / "second")
    assert contents(tmp_path / "first") == contents(tmp_path / "second")


def test_a_second_run_draws_nothing(make_run, tmp_path):
    run = make_run(masks=True)
    report(run, tmp_path / "report")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "report/page").rglob("*")}
    report(run, tmp_path / "report")
    assert before == {
        path: path.stat().st_mtime_ns for path in (tmp_path / "report/page").rglob("*")
    }


def test_a_smaller_gallery_is_evenly_spaced_and_leaves_no_picture_behind(
    make_run, tmp_path, monkeypatch
):
    run = make_run(masks=False, ranking=True)
    monkeypatch.setattr("bes.report.gallery.FIRST", 1)
    report(run, tmp_path / "report")
    report(run, tmp_path / "report", images=3)
    # Beside every second one the least and the most trusted, and the median.
    assert pictures(tmp_path / "report") == {
        f"{panel}/image {number} #é.webp" for panel in PANELS[:-1] for number in (0, 2, 3, 4, 5)
    }


def test_a_missing_stage_is_named(make_run, tmp_path):
    run = make_run(masks=True)
    shutil.rmtree(run.folders["benet"])
    with pytest.raises(BesError, match=r"benet/model.json: no such receipt; run `bes benet` first"):
        report(run, tmp_path / "report")
    assert not (tmp_path / "report" / "page").exists()


def test_labels_corrected_by_hand_are_counted(make_run, tmp_path):
    run = make_run(masks=True)
    assert "corrected by hand" not in report(run, tmp_path / "before")
    path = run.dataset / "images.csv"
    first, *others = read_manifest(path)
    corrected = replace(first, correction="drawn/1.png", correction_digest="0" * 32)
    path.write_text(to_csv([corrected, *others]))
    assert "<dt>labels corrected by hand</dt><dd>1</dd>" in report(run, tmp_path / "after")
