"""Health checks."""

import numpy as np

from bes.method.boundary_labels import BoundaryLabel
from bes.report.checks import checks, observe
from bes.report.measures import Facts


def facts(image_id: str = "a", **changes) -> Facts:
    usual = Facts(image_id, boundary=0.01, uncertain=0.2, highest_probability=0.9, empty=False)
    return usual._replace(**changes)


def test_a_photograph_is_observed_pixel_by_pixel():
    boundary_labels = np.full((10, 10), BoundaryLabel.BACKGROUND, np.uint8)
    boundary_labels[0] = BoundaryLabel.BOUNDARY_FG_FG
    boundary_labels[1] = BoundaryLabel.BOUNDARY_FG_BG
    boundary_labels[5:] = BoundaryLabel.UNCERTAIN
    observed = observe(
        "a",
        labels=("cat",),
        boundary_labels=boundary_labels,
        boundary_map=np.array([[0.1, 0.7]]),
        pseudo_labels=np.zeros((10, 10), np.uint8),
    )
    assert observed == Facts("a", 0.2, 0.5, 0.7, True)


def test_a_background_photograph_may_have_an_empty_pseudo_label():
    blank = np.zeros((4, 4), np.uint8)
    observed = observe(
        "a", labels=(), boundary_labels=blank, boundary_map=blank, pseudo_labels=blank
    )
    assert not observed.empty


def test_nothing_is_warned_of_in_a_sound_run():
    assert not any(check.warning for check in checks([facts("a"), facts("b")]))


def test_scarce_boundary_pixels_are_warned_of_and_a_remedy_is_given():
    check = checks([facts(boundary=0.0008), facts(boundary=0.0)])[0]
    assert check.warning and check.value == "0.04 %" and "theta_scale" in check.note


def test_of_many_empty_pseudo_labels_the_first_are_named():
    check = checks([facts(f"{number:02d}", empty=True) for number in range(25)])[-1]
    assert check.warning and check.value == "25 of 25"
    assert "00, 01" in check.note and check.note.endswith("19 and 5 more")


def test_figures_are_means_over_the_photographs():
    """Of three, so that the middle one is not the mean."""
    values = ((0.01, 0.1, 0.2), (0.02, 0.2, 0.3), (0.09, 0.9, 1.0))
    rows = [
        facts(boundary=boundary, uncertain=uncertain, highest_probability=highest)
        for boundary, uncertain, highest in values
    ]
    assert [check.value for check in checks(rows)] == ["4.00 %", "40.0 %", "0.50", "0 of 3"]
