"""Pairs of nearby pixels."""

import pytest
import torch

from bes.method.pixel_pairs import Direction, directions


def test_every_pair_closer_than_the_radius_is_there_once():
    height, width, radius = 5, 4, 3
    numbers = torch.arange(height * width).view(height, width)
    found = []
    for direction in directions(height, width, radius=radius):
        first, second = direction.pixels(numbers), direction.pixels(numbers, *direction)
        found += zip(first.flatten().tolist(), second.flatten().tolist(), strict=True)
    expected = [
        (i, j)
        for i in range(height * width)
        for j in range(i + 1, height * width)
        if (i // width - j // width) ** 2 + (i % width - j % width) ** 2 < radius**2
    ]
    assert sorted(tuple(sorted(pair)) for pair in found) == expected


def test_34_directions_are_closer_than_5_and_154_closer_than_10():
    assert len(list(directions(20, 20, radius=5))) == 34
    assert len(list(directions(20, 20, radius=10))) == 152


def test_a_direction_that_no_pair_of_the_image_has_is_left_out():
    assert list(directions(1, 3, radius=5)) == [(0, 1), (0, 2)]
    assert list(directions(3, 1, radius=5)) == [(1, 0), (2, 0)]
    assert list(directions(1, 1, radius=5)) == []


@pytest.mark.parametrize("direction", [(0, 3), (4, 0), (2, 5), (3, -3), (4, -1)])
def test_a_line_leads_from_one_pixel_to_the_other(direction):
    line = Direction(*direction).line()
    assert (0, 0) in line and direction in line
    assert len(set(line)) == len(line)


def test_a_slanted_line_is_thick():
    assert Direction(1, 3).line() == [
        (0, 0),
        (0, 1),
        (0, 2),
        (0, 3),
        (1, 0),
        (1, 1),
        (1, 2),
        (1, 3),
    ]
    assert Direction(0, 2).line() == [(0, 0), (0, 1), (0, 2)]
