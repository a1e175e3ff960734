"""The page in a browser: drawn on, and driven by keys."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from accessible import barriers
from moons import MOON, SIZE, disc, left_half
from playwright.sync_api import Browser, Page, expect, sync_playwright

from bes.data.images import decode_labels
from bes.data.review import read_review, review_csv, signed
from bes.project.desk import open_desk
from bes.project.settings import Project
from bes.review.server import ReviewServer
from bes.storage.files import write_atomic

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
CORRECTIONS, REVIEW = Path("photographs/corrections"), Path("photographs/review.csv")
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, server: ReviewServer) -> Iterator[Page]:
    """A fresh page; whatever it logs or fails to load fails the test."""
    page, complaints = browser.new_page(viewport={"width": 1200, "height": 800}), []
    # Chromium logs answers that are refusals; tests of these look at what the page says.
    page.on("console", lambda m: "(Conflict)" in m.text or complaints.append(m.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    # A picture that was still loading when the next photograph came is none.
    page.on("requestfailed", lambda r: "ABORTED" in r.failure or complaints.append(r.url))
    page.goto(server.url)
    expect(page.locator("h1")).to_have_text("a moon")
    yield page
    page.close()
    assert complaints == []


def draw(page: Page, *points: tuple[float, float]) -> None:
    """Drag over points of the photograph, (x, y)."""
    page.locator("#drawing").scroll_into_view_if_needed()
    box = page.locator("#drawing").bounding_box()
    assert box is not None
    places = [
        (box["x"] + x / SIZE[1] * box["width"], box["y"] + y / SIZE[0] * box["height"])
        for x, y in points
    ]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def shown(page: Page) -> np.ndarray:
    """Where the mask that is shown has a colour."""
    alpha = page.evaluate(
        "() => { const m = document.getElementById('mask');"
        "const d = m.getContext('2d').getImageData(0, 0, m.width, m.height).data;"
        "return Array.from({length: d.length / 4}, (_, i) => d[4 * i + 3]); }"
    )
    return np.reshape(alpha, SIZE) > 0


def close(one: np.ndarray, other: np.ndarray) -> bool:
    return bool((one == other).mean() > 0.95)


def test_no_reader_is_kept_out(page: Page) -> None:
    assert barriers(page) == []
    page.set_viewport_size(PHONE)
    assert barriers(page) == []


def test_a_review_from_the_first_photograph_to_the_last(page: Page) -> None:
    verdict, status = page.locator("#facts"), page.locator("#message")
    expect(verdict).to_have_text("moon · why · not looked at")
    assert close(shown(page), left_half(disc()))

    page.keyboard.press("1")
    draw(page, (70, 48), (85, 48))
    expect(status).to_have_text("Saved: corrected.")
    assert close(shown(page), disc())
    assert close(decode_labels(CORRECTIONS / "a moon.png"), disc())

    page.keyboard.press("u")
    expect(status).to_have_text("Undone.")
    assert close(shown(page), left_half(disc()))
    assert not (CORRECTIONS / "a moon.png").exists()

    page.keyboard.press("b")
    page.get_by_label("background").check()
    draw(page, (40, 48), (60, 48))
    expect(status).to_have_text("Saved: corrected.")
    assert decode_labels(CORRECTIONS / "a moon.png")[48, 50] == 0

    page.keyboard.press("a")
    expect(page.locator("h1")).to_have_text("b")
    page.keyboard.press("r")
    expect(page.locator("h1")).to_have_text("c #é")
    page.get_by_role("button", name="Accept").click()
    expect(page.locator("h1")).to_have_text("d")
    page.keyboard.press("g")
    page.keyboard.press("v")
    for corner in ((10, 10), (30, 10), (30, 30)):
        draw(page, corner)
    page.keyboard.press("c")
    expect(status).to_have_text("Saved: corrected.")
    assert decode_labels(CORRECTIONS / "d.png")[12, 26] == 255
    found = {image: row.verdict for image, row in read_review(REVIEW).items()}
    assert found == {
        "a moon": "corrected",
        "b": "rejected",
        "c #é": "accepted",
        "d": "corrected",
    }

    page.get_by_label("Show").select_option("rejected")
    page.locator("h1").click()
    page.keyboard.press("p")
    expect(page.locator("h1")).to_have_text("b")
    for _ in range(2):  # the polygon, and the verdict before it
        page.keyboard.press("u")
        expect(status).to_have_text("Undone.")
        page.wait_for_timeout(50)
    expect(page.locator("h1")).to_have_text("c #é")
    assert set(read_review(REVIEW)) == {"a moon", "b"}


def test_what_somebody_else_did_meanwhile_is_shown_and_kept(
    page: Page, server: ReviewServer, project: Project
) -> None:
    other = open_desk(project, "base")
    other.change(0, other.state(0)["revision"], "corrected", [MOON])
    page.keyboard.press("r")
    expect(page.locator("#message")).to_have_text("somebody else changed the photograph meanwhile")
    expect(page.locator("#facts")).to_contain_text("corrected")
    assert close(shown(page), disc())
    assert read_review(REVIEW)["a moon"].verdict == "corrected"
    page.keyboard.press("a")
    expect(page.locator("h1")).to_have_text("b")


def test_what_was_accepted_of_an_earlier_label_is_found_and_accepted_again(page: Page) -> None:
    write_atomic(
        REVIEW, review_csv([signed("b", "accepted", "another"), signed("d", "accepted")]).encode()
    )
    page.reload()
    expect(page.locator("#progress")).to_contain_text("1 looked at")
    expect(page.locator("#progress")).to_contain_text("look at again: 1 accepted an earlier label")
    page.get_by_label("Show").select_option("accepted an earlier label")
    page.locator("h1").click()
    page.keyboard.press("n")
    expect(page.locator("#facts")).to_have_text("moon · why · accepted an earlier label")
    expect(page.locator("#accept")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("a")
    expect(page.locator("#message")).to_have_text("Saved: accepted. This was the last one.")
    expect(page.locator("#progress")).to_contain_text("2 looked at")
    page.keyboard.press("u")
    expect(page.locator("#facts")).to_contain_text("accepted an earlier label")
    assert read_review(REVIEW)["b"].digest == "another"


def test_the_keyboard_alone_draws(page: Page) -> None:
    page.keyboard.press("e")
    page.locator("#drawing").focus()
    for key in ("ArrowLeft", "Enter", "ArrowLeft", "Shift+ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#message")).to_have_text("Saved: corrected.")
    assert decode_labels(CORRECTIONS / "a moon.png")[48, 48] == 0


def test_what_was_drawn_is_there_after_loading_anew(page: Page) -> None:
    page.keyboard.press("1")
    draw(page, (70, 48), (85, 48))
    expect(page.locator("#message")).to_have_text("Saved: corrected.")
    page.reload()
    expect(page.locator("#facts")).to_contain_text("corrected")
    assert close(shown(page), disc())


def test_boundaries_mask_and_size_are_a_matter_of_the_view(page: Page) -> None:
    page.keyboard.press("o")
    expect(page.locator("#boundary")).to_be_visible()
    page.keyboard.press("m")
    expect(page.locator("#mask")).to_be_hidden()
    before = page.locator("#layers").bounding_box()
    page.keyboard.press("+")
    after = page.locator("#layers").bounding_box()
    assert before and after and after["width"] > 1.4 * before["width"]


def test_a_telephone_shows_photograph_and_verdicts_at_once(page: Page) -> None:
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    for what in (page.locator("#drawing"), page.get_by_role("button", name="Accept")):
        box = what.bounding_box()
        assert box and box["y"] >= 0 and box["y"] + box["height"] <= PHONE["height"]
        assert box["x"] + box["width"] <= PHONE["width"]


def test_the_end_says_what_to_type(page: Page, server: ReviewServer) -> None:
    page.get_by_role("button", name="End the review").click()
    expect(page.locator("#command")).to_have_text("next")
    expect(page.locator("#lines")).to_have_text("review: review.csv")
    page.get_by_role("button", name="End it").click()
    expect(page.locator("#message")).to_have_text("The review has ended. You may close this page.")
