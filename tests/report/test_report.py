"""The report of a whole run."""

import csv
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from bes.errors import BesError
from bes.stages.report import ReportOptions, make_report


def report(run, out: Path, *, images: int = 120) -> str:
    make_report(
        ReportOptions(images=images),
        dataset=run.dataset,
        folders=run.folders,
        out=out,
        title="animals <base>",
    )
    return (out / "index.html").read_text(encoding="utf-8")


def contents(out: Path) -> dict[str, bytes]:
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file()
    }


class Addresses(HTMLParser):
    """All that a page refers to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("src", "href")]


def test_every_photograph_has_its_strip_and_the_page_shows_it(make_run, tmp_path):
    page = report(make_run(masks=True), tmp_path / "report")
    shown = {unquote(a) for a in Addresses(page).found if a.startswith("strips/")}
    written = {name for name in contents(tmp_path / "report") if name.startswith("strips/")}
    assert shown == written == {f"strips/image {number} #é.jpg" for number in range(6)}


def test_the_page_refers_to_nothing_outside_its_folder(make_run, tmp_path):
    page = report(make_run(masks=True), tmp_path / "report")
    assert all(re.match(r"#|data:|strips/", address) for address in Addresses(page).found)
    assert "//" not in re.sub(r"base64,[^\"]*|^\s*//.*$", "", page, flags=re.MULTILINE)


def test_names_are_escaped(make_run, tmp_path):
    page = report(make_run(masks=True), tmp_path / "report")
    assert "animals &lt;base&gt;" in page and "<base>" not in page


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
    assert "published, VOC 2012 train, 21 classes" in page
    assert all(f'<td class="figure">{miou}</td>' in page for miou in (49.6, 50.4, 65.7, 66.4, 67.2))


def test_without_masks_the_page_says_why_there_are_no_scores(make_run, tmp_path):
    page = report(make_run(masks=False), tmp_path / "report")
    assert "No scores: no training photograph has a mask." in page
    assert "mIoU of the pseudo label" not in page
    assert (tmp_path / "report" / "thresholds.png").exists()
    assert (tmp_path / "report" / "scores.csv").read_text().splitlines() == [
        "labels,threshold,miou,background,cat,dog"
    ]


def test_each_strip_bears_the_score_of_its_pseudo_label(make_run, tmp_path):
    page = report(make_run(masks=True), tmp_path / "report")
    # The first pseudo label is empty: half of its background is right, nothing of its cat.
    assert re.findall(r'data-miou="([\d.]*)"', page) == ["25.0"] + ["100.0"] * 5


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


def test_a_smaller_gallery_is_evenly_spaced_and_leaves_no_strip_behind(make_run, tmp_path):
    run = make_run(masks=True)
    report(run, tmp_path / "report")
    report(run, tmp_path / "report", images=3)
    strips = sorted(path.stem for path in (tmp_path / "report" / "strips").iterdir())
    assert strips == ["image 0 #é", "image 2 #é", "image 4 #é"]


def test_a_missing_stage_is_named(make_run, tmp_path):
    run = make_run(masks=True)
    shutil.rmtree(run.folders["benet"])
    with pytest.raises(BesError, match=r"benet/model.json: no such file; run `bes benet` first"):
        report(run, tmp_path / "report")
    assert not (tmp_path / "report" / "index.html").exists()


CLICKS = """
<script>
document.querySelector("#classes th:nth-child(2) button").click();
const order = document.getElementById("order");
order.value = "best";
order.dispatchEvent(new Event("change"));
document.title = [
  ...[...document.querySelectorAll("#classes tbody th")].map((cell) => cell.textContent),
  document.querySelector("#strips strong").textContent,
].join("|");
</script>
"""


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_a_browser_sorts_tables_and_gallery_without_errors(make_run, tmp_path):
    page = report(make_run(masks=True), tmp_path / "report")
    (tmp_path / "report" / "clicked.html").write_text(page + CLICKS, encoding="utf-8")
    browser = subprocess.run(
        [
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path / 'browser'}",
            "--enable-logging=stderr",
            "--dump-dom",
            (tmp_path / "report" / "clicked.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "<title>dog|cat|background|image 1 #é</title>" in browser.stdout
    assert "CONSOLE" not in browser.stderr
