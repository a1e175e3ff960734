"""Cells stay where they are on the photograph, however many there are."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from plain import bilinear

from bes.networks.grid import labels_of_cells, resample

SIDE, CELLS = st.integers(1, 40), st.integers(1, 9)
FACTOR = st.sampled_from([0.25, 0.5, 2 / 3, 1.0, 10 / 9, 4 / 3, 2.0, 2.6, 4.0, 8.0])


@settings(max_examples=60, deadline=None)
@given(SIDE, SIDE, CELLS, CELLS, FACTOR, FACTOR, st.integers(0, 99))
@example(1, 2, 1, 2, 0.25, 4 / 3, 0)
@example(9, 9, 8, 8, 10 / 9, 10 / 9, 0)
def test_maps_are_enlarged_by_the_factors_whatever_the_size(
    height: int, width: int, rows: int, columns: int, down: float, across: float, seed: int
) -> None:
    maps = torch.rand(1, 2, rows, columns, generator=torch.Generator().manual_seed(seed))
    found = resample(maps, (height, width), (down, across))
    expected = bilinear(maps[0].double().numpy(), (height, width), (down, across))
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


@pytest.mark.parametrize("width", range(29, 45))
def test_a_larger_crop_moves_no_cell(width: int) -> None:
    maps = torch.rand(1, 1, 3, 3)
    small = resample(maps, (width, width), (16.0, 16.0))
    torch.testing.assert_close(small, resample(maps, (48, 48), (16.0, 16.0))[..., :width, :width])


@settings(max_examples=60, deadline=None)
@given(SIDE, SIDE, st.sampled_from([1, 4, 8, 16]))
def test_a_cell_has_the_label_in_its_middle(height: int, width: int, stride: int) -> None:
    labels = torch.arange(2 * height * width).view(2, height, width)
    cells = (-(-height // stride), width // stride)
    found = labels_of_cells(labels, stride, cells)
    assert found.shape == (2, *cells)
    for row in range(cells[0]):
        for column in range(cells[1]):
            place = [
                min(n * stride + stride // 2, length - 1)
                for n, length in ((row, height), (column, width))
            ]
            assert torch.equal(found[:, row, column], labels[:, place[0], place[1]])
