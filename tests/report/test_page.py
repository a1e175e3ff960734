"""The page in a browser: clicked, typed into and looked at."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from accessible import barriers
from playwright.sync_api import Browser, Page, sync_playwright

from bes.incremental.stage import stage_of
from bes.incremental.whole import run_whole
from bes.stages.report import ReportOptions

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, make_run, tmp_path) -> Iterator[Callable[..., Page]]:
    """Opens the page of a run; whatever it logs or fails to load fails the test."""
    complaints: list[str] = []

    def open_it(*, masks: bool = True, ranking: bool = True) -> Page:
        run = make_run(masks=masks, held_out=2, ranking=ranking)
        out = tmp_path / "animals" / "base" / "report"
        run_whole(
            stage_of("report"),
            options=ReportOptions(),
            dataset=run.dataset,
            folders=run.folders,
            out=out,
            threads=1,
        )
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.goto((out / "page" / "index.html").as_uri())
        return page

    yield open_it
    for context in browser.contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(open_page) -> Page:
    return open_page()


def texts(page: Page, selector: str) -> list[str]:
    return page.locator(selector).all_text_contents()


def overlays(page: Page) -> list[str | None]:
    """The folder of the picture that lies over each card's photograph."""
    return page.eval_on_selector_all(
        ".card .layers",
        "all => all.map(x => x.querySelector('.over')?.getAttribute('src').split('/')[1] ?? null)",
    )


def test_every_picture_is_found_whatever_its_name(page):
    for panel in ("photograph", "CAM", "boundary label", "boundary map", "revised map", "mask"):
        page.locator("#stages label", has_text=panel).first.click()
        page.wait_for_function(
            "[...document.querySelectorAll('#cards img')].every(i => i.complete && i.naturalWidth)"
        )


@pytest.mark.parametrize("size", [(1280, 900), (390, 844)])
@pytest.mark.parametrize("masks", [True, False])
def test_the_first_screen_shows_labels_to_doubt_and_to_trust(open_page, masks, size):
    page = open_page(masks=masks)
    page.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
    assert texts(page, "#first h2") == ["Look at these first", "Most trusted"]
    assert texts(page, ".strip strong") == [f"image {n} #é" for n in (0, 1, 2, 5, 4, 3)]
    assert texts(page, ".strip li:first-child .soft") == ["cat: nothing found of cat", "cat"]
    assert "6 pseudo labels of 2 classes" in page.locator("header").inner_text()
    assert "1 of them look doubtful" in page.locator("header").inner_text().replace("\n", " ")
    trusted = page.locator(".strip").last.bounding_box()
    assert trusted is not None and trusted["y"] < size[1]


def test_without_a_ranking_some_labels_are_shown(open_page):
    page = open_page(ranking=False)
    assert texts(page, "#first h2") == ["Pseudo labels"]
    assert len(texts(page, ".strip strong")) == 6


@pytest.mark.parametrize("size", [(1280, 900), (390, 844)])
@pytest.mark.parametrize("masks", [True, False])
def test_nothing_is_cut_and_no_reader_is_kept_out(open_page, masks, size):
    page = open_page(masks=masks)
    page.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
    page.locator("details").evaluate_all("all => all.forEach(d => d.open = true)")
    cut = "all => all.filter(x => x.scrollWidth > x.clientWidth + 1).map(x => x.outerHTML)"
    assert page.eval_on_selector_all(".scroll, nav, .card strong, .strip strong", cut) == []
    assert barriers(page) == []


def test_the_keyboard_skips_to_the_labels_and_opens_one(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.get_by_role("dialog").get_by_role("heading").inner_text() == "image 0 #é"


def test_a_click_on_a_threshold_gives_what_to_type(open_page):
    page = open_page(masks=False)
    page.get_by_role("button", name="0.36", exact=True).click()
    assert page.locator("#copied").inner_text() == "pseudo_labels='{threshold: 0.36}'"


def test_a_heading_sorts_its_table_by_number_and_back(page):
    head = page.locator("#classes thead th", has_text="photographs")
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert texts(page, "#classes tbody th") == ["dog", "cat", "background"]
    head.get_by_role("button").press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    # A cell without a figure stays last.
    assert texts(page, "#classes tbody th") == ["cat", "dog", "background"]


def test_bytes_are_sorted_by_their_number_not_by_their_words(page):
    page.locator("#time thead th", has_text="in all").get_by_role("button").click()
    sizes = page.eval_on_selector_all(
        "#time table:last-of-type tbody td:last-child", "all => all.map(x => +x.dataset.value)"
    )
    assert sizes[-7:] == sorted(sizes[-7:])


def test_the_stage_is_switched_for_all_photographs(page):
    assert overlays(page) == ["pseudo_labels"] * 6 + [None] * 2
    page.get_by_role("radio", name="CAM").check(force=True)
    assert overlays(page) == ["cams"] * 6 + [None] * 2
    page.get_by_role("radio", name="photograph").check(force=True)
    assert overlays(page) == [None] * 8


def test_the_arrow_keys_switch_the_stage(page):
    page.get_by_role("radio", name="pseudo label").focus()
    page.keyboard.press("ArrowRight")
    assert overlays(page) == ["masks"] * 8


def test_the_stage_is_switched_for_one_photograph(page):
    page.get_by_label("Stage of image 1 #é").select_option(label="revised map")
    assert overlays(page)[:3] == ["pseudo_labels", "revised_maps", "pseudo_labels"]


def test_the_slider_changes_the_opacity_of_what_lies_over_the_photographs(page):
    page.locator(".toolbar .opacity").fill("20")
    opacity = "x => getComputedStyle(x).opacity"
    assert float(page.eval_on_selector(".card .over", opacity)) == pytest.approx(0.2)
    assert float(page.eval_on_selector(".card .layers img", opacity)) == 1


def test_only_the_legend_of_the_stage_is_visible(page):
    assert page.locator(".legends li:visible").all_inner_texts() == ["cat", "dog"]
    page.get_by_role("radio", name="boundary map").check(force=True)
    assert "white: probability 1" in page.locator(".legends").inner_text()
    assert page.locator(".legends li:visible").count() == 0


def test_the_gallery_is_filtered_and_ordered(page):
    assert texts(page, ".card strong")[:2] == ["image 0 #é", "image 1 #é"]
    page.get_by_label("Order").select_option(label="highest IoU first")
    assert texts(page, ".card strong")[-1] == "other 1"
    page.get_by_label("Order").select_option(label="least trusted first")
    assert texts(page, ".card strong")[:2] == ["image 0 #é", "image 1 #é"]
    page.get_by_label("Split").select_option("val")
    assert texts(page, ".card strong") == ["other 0", "other 1"]
    page.get_by_label("Split").select_option("")
    page.get_by_role("searchbox", name="Name").fill("E 3")
    assert texts(page, ".card strong") == ["image 3 #é"]
    assert page.locator("#count").inner_text() == "1 of 8 photographs"


def test_of_a_chosen_class_the_iou_is_shown(page):
    score = page.locator(".card .figure").first
    assert (score.text_content() or "").startswith("mIoU 25.0 %")
    page.get_by_label("Class").select_option("cat")
    assert (score.text_content() or "").startswith("IoU 0.0 %")


def test_a_photograph_opens_with_all_its_stages_and_the_arrows_go_on(page):
    page.locator("#cards").get_by_role("button", name="All stages of image 1 #é").click()
    viewer = page.get_by_role("dialog")
    assert viewer.locator("figcaption").all_inner_texts() == [
        "photograph",
        "CAM",
        "boundary label",
        "boundary map",
        "revised map",
        "pseudo label",
        "mask",
    ]
    page.keyboard.press("ArrowRight")
    assert viewer.get_by_role("heading").inner_text() == "image 2 #é"
    page.keyboard.press("Escape")
    assert not viewer.is_visible()


def test_every_stage_is_told_in_a_sentence(page):
    page.get_by_role("radio", name="revised map").check(force=True)
    assert "random walk" in page.locator(".legends").inner_text()


def test_the_page_is_no_wider_than_a_telephone(page):
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_on_paper_there_are_tables_and_no_controls(page):
    page.emulate_media(media="print")
    assert page.locator("#classes table").is_visible()
    assert not page.locator(".toolbar").is_visible() and not page.locator("#cards").is_visible()
