"""The signals of trust in a pseudo label."""

import cv2
import numpy as np
import pytest

from bes.method.trust import STRIDE, Signals, suspicions, trust, trust_signals, weakest

SIZE = (30, 40)


def square(top: int = 8, left: int = 10, side: int = 12, label: int = 1) -> np.ndarray:
    """Cells of an object of one class."""
    cells = np.zeros(SIZE, np.uint8)
    cells[top : top + side, left : left + side] = label
    return cells


def outline_of(cells: np.ndarray) -> np.ndarray:
    gradient = cv2.morphologyEx(cells, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return (gradient > 0).astype(np.float32)


def enlarged(cells: np.ndarray) -> np.ndarray:
    return cells.repeat(STRIDE, axis=0).repeat(STRIDE, axis=1)


def painted(cells: np.ndarray) -> np.ndarray:
    """A photograph in which the object has a colour of its own."""
    return np.where(enlarged(cells)[..., None] > 0, (250, 20, 20), (10, 200, 40)).astype(np.uint8)


def signals(
    cells: np.ndarray,
    *,
    maps: np.ndarray | None = None,
    classes: tuple[int, ...] = (1,),
    boundary: np.ndarray | None = None,
    photo: np.ndarray | None = None,
) -> Signals:
    """The signals of a label; maps, boundary map and photograph are those of `square` unless
    given."""
    return trust_signals(
        maps=np.float32([square()]) if maps is None else maps.astype(np.float32),
        classes=classes,
        boundary=outline_of(square()) if boundary is None else boundary,
        labels=enlarged(cells),
        photo=painted(square()) if photo is None else photo,
        threshold=0.25,
    )


def test_a_label_that_all_stages_agree_with_scores_1():
    assert trust(signals(square())) == pytest.approx(1)


@pytest.mark.parametrize("shift", [2, 5, 12])
def test_a_label_that_contradicts_its_maps_ranks_below_one_that_does_not(shift):
    shifted = signals(square(left=10 + shift))
    assert trust(shifted) < trust(signals(square()))
    assert shifted.agreement < 1 and shifted.separation < 1


def test_the_further_a_label_is_from_its_maps_the_less_it_is_trusted():
    scores = [trust(signals(square(left=10 + shift))) for shift in (0, 3, 6, 9)]
    assert scores == sorted(scores, reverse=True)


def test_a_label_where_the_scores_are_lowest_explains_nothing_of_them():
    assert signals(1 - square()).separation == 0


def test_separation_is_the_share_of_the_variance_between_the_groups(rng):
    inside = square() > 0
    scores = rng.random(SIZE) + inside
    groups = [scores[inside], scores[~inside]]
    between = sum(len(group) * (group.mean() - scores.mean()) ** 2 for group in groups)
    expected = between / ((scores - scores.mean()) ** 2).sum()
    assert signals(square(), maps=scores[None]).separation == pytest.approx(expected, rel=1e-5)


def test_scores_that_fall_off_slowly_make_a_label_unstable():
    distance = np.hypot(*np.mgrid[-14:16, -20:20])
    slow, steep = np.clip(1 - distance / 19, 0, 1)[None], np.where(distance < 8, 0.95, 0.05)[None]
    assert signals((slow[0] > 0.25).astype(np.uint8), maps=slow).stability < 0.9
    assert signals((steep[0] > 0.25).astype(np.uint8), maps=steep).stability == 1


def test_an_outline_within_reach_of_its_boundary_is_supported():
    assert signals(square(left=11)).boundary == pytest.approx(1)
    assert signals(square(left=20)).boundary < 0.7


@pytest.mark.parametrize(("distance", "reached"), [(0, True), (2, True), (3, False), (4, False)])
def test_an_outline_reaches_boundaries_of_two_cells_beyond_it(distance, reached):
    left = np.uint8(np.arange(SIZE[1]) < 20) * np.ones(SIZE, np.uint8)  # outline: 19 and 20
    boundary = np.zeros(SIZE, np.float32)
    boundary[:, 20 + distance] = 1
    assert (signals(left, boundary=boundary).boundary > 0) == reached


def test_boundary_is_the_harmonic_mean_of_support_and_what_it_explains():
    left = np.uint8(np.arange(SIZE[1]) < 20) * np.ones(SIZE, np.uint8)
    boundary = np.zeros(SIZE, np.float32)
    boundary[:, 20] = 0.5  # all of the outline has this, which is a fourth of all boundary
    boundary[:, 35] = 1.0
    boundary[:, 37] = 0.5
    expected = 2 * 0.5 * 0.25 / (0.5 + 0.25)
    assert signals(left, boundary=boundary).boundary == pytest.approx(expected)


def test_boundaries_that_the_outline_does_not_follow_lower_the_signal():
    both = np.maximum(outline_of(square()), outline_of(square(left=26)))
    assert signals(square(), boundary=both).boundary < signals(square()).boundary


def test_a_boundary_map_without_boundaries_supports_no_outline():
    assert signals(square(), boundary=np.zeros(SIZE, np.float32)).boundary == 0


def test_two_classes_with_equal_scores_leave_no_margin():
    maps = np.stack([square(), square()])
    assert signals(square(), maps=maps, classes=(1, 2)).margin == 0
    assert signals(square(), maps=maps * [[[1]], [[0.5]]], classes=(1, 2)).margin == 0.5


def test_a_class_that_is_present_and_in_no_map_lowers_the_agreement():
    maps = np.stack([square(), np.zeros(SIZE)])
    assert signals(square(), maps=maps, classes=(1, 2)).agreement == pytest.approx(2 / 3)


def test_the_indices_of_the_classes_do_not_matter():
    maps = np.stack([square() * 0.9, square(left=24)])
    cells = np.where(square(left=24) > 0, 200, square() * 7).astype(np.uint8)
    renumbered = np.where(cells == 200, 2, cells // 7).astype(np.uint8)
    assert signals(cells, maps=maps, classes=(7, 200)) == pytest.approx(
        signals(renumbered, maps=maps, classes=(1, 2)), abs=1e-6
    )


def test_without_a_class_there_is_nothing_to_doubt():
    empty = np.zeros((0, *SIZE))
    assert trust(signals(np.zeros(SIZE, np.uint8), maps=empty, classes=())) == 1


def test_an_empty_label_of_a_photograph_with_a_class_scores_0():
    assert trust(signals(np.zeros(SIZE, np.uint8))) == 0


def test_a_label_without_background_has_no_outline_to_trust():
    full = signals(np.ones(SIZE, np.uint8), maps=np.ones((1, *SIZE)))
    assert full[:5] == (1, 0, 1, 0, 1) and full.frame == full.colour == trust(full) == 0


def test_of_two_labels_the_one_that_has_more_of_the_border_is_trusted_less():
    found = []
    for side in (12, 20, 26, 30):
        cells = np.zeros(SIZE, np.uint8)
        cells[30 - side :, : side + 10] = 1
        same = {"maps": cells[None], "boundary": outline_of(cells), "photo": painted(cells)}
        found.append(signals(cells, **same))
    assert [one.frame for one in found] == sorted([one.frame for one in found], reverse=True)
    assert [trust(one) for one in found] == sorted([trust(one) for one in found], reverse=True)


def test_the_border_is_the_mean_of_the_four_sides():
    cells = np.zeros(SIZE, np.uint8)
    cells[:, :20] = 1  # one side, and half of two others
    assert signals(cells).frame == pytest.approx(0.5)


def test_colours_that_are_the_same_inside_and_outside_tell_nothing():
    assert signals(square()).colour == pytest.approx(1)
    assert signals(square(), photo=np.full((120, 160, 3), 90, np.uint8)).colour == 0
    assert 0 < signals(square(left=16)).colour < 1


def test_what_a_label_should_not_look_like_is_named():
    flat = np.full(SIZE, 0.2, np.float32)
    frame = 1 - square(10, 14, 12)
    assert suspicions(enlarged(square()), outline_of(square())) == []
    assert suspicions(enlarged(square()), flat) == ["unbounded"]
    assert suspicions(enlarged(np.ones(SIZE, np.uint8)), flat) == ["filled", "unbounded"]
    frame[:, :6] = frame[:, -6:] = 0
    frame[8:22, 0] = frame[8:22, -1] = 1
    assert suspicions(enlarged(frame), outline_of(frame)) == ["bordering"]
    assert suspicions(np.zeros((8, 8), np.uint8), np.zeros((2, 2), np.float32)) == []


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("score", [0, 1])
def test_one_pixel_has_a_score_between_0_and_1(label, score):
    found = trust_signals(
        maps=np.full((1, 1, 1), score, np.float32),
        classes=[1],
        boundary=np.zeros((1, 1), np.float32),
        labels=np.full((1, 1), label, np.uint8),
        photo=np.zeros((1, 1, 3), np.uint8),
        threshold=0.25,
    )
    assert all(0 <= value <= 1 for value in found)


def test_the_signals_of_noise_are_within_their_range():
    generator = np.random.default_rng(0)
    for classes in ((1,), (1, 2), (1, 2, 3)):
        found = signals(
            generator.integers(0, len(classes) + 1, SIZE).astype(np.uint8),
            maps=generator.random((len(classes), *SIZE)),
            classes=classes,
            boundary=generator.random(SIZE).astype(np.float32),
        )
        assert all(0 <= value <= 1 for value in found)


def test_the_weakest_signal_is_the_one_in_which_others_do_better():
    usual = Signals(0.9, 0.9, 0.9, 0.4, 1.0, 1.0, 0.5)
    off = usual._replace(stability=0.6)
    # Its boundary is the lowest value, but as good as that of the others.
    assert weakest([usual, off, usual]) == ["stability", "stability", "stability"]
    assert weakest([usual, usual._replace(boundary=0.3), usual])[1] == "boundary"
    assert weakest([]) == []
