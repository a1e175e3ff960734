"""Merging class maps of several scales, Eq. 8."""

import numpy as np
import pytest
import torch
from plain import bilinear

from bes.method.localization import lower, merge_scales


@pytest.fixture
def raw_maps() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(4, h, w, generator=generator) for h, w in ((6, 8), (3, 4), (12, 15))]


@pytest.mark.parametrize(("stride", "name"), [(4, "strided"), (None, "full")])
def test_golden_maps_are_merged(golden, stride, name):
    vectors = golden("cam_merge")
    raw = [torch.from_numpy(vectors[f"raw_{i}"]).float() for i in range(4)]
    size = tuple(vectors["size"].tolist())
    merged = merge_scales(raw, size, present=vectors["present"].tolist(), stride=stride)
    assert abs(merged.numpy() - vectors[name]).max() < 1e-5


@pytest.mark.parametrize("stride", [4, None])
def test_no_class_present_gives_no_map(raw_maps, stride):
    merged = merge_scales(raw_maps, (93, 117), present=[], stride=stride)
    assert merged.shape == ((0, 24, 30) if stride else (0, 93, 117))


def test_a_class_without_activation_is_zero_everywhere(raw_maps):
    for raw in raw_maps:
        raw[1] = 0
    assert (merge_scales(raw_maps, (93, 117), present=[1]) == 0).all()


def test_each_class_has_a_maximum_of_one(raw_maps):
    maxima = merge_scales(raw_maps, (93, 117), present=[0, 3]).amax(dim=(1, 2))
    torch.testing.assert_close(maxima, torch.ones(2), rtol=0, atol=1e-4)


def test_classes_come_in_the_order_asked_for(raw_maps):
    forth = merge_scales(raw_maps, (93, 117), present=[0, 3], stride=4)
    back = merge_scales(raw_maps, (93, 117), present=[3, 0], stride=4)
    assert torch.equal(forth, back.flip(0))


def test_absent_classes_have_no_influence(raw_maps):
    before = merge_scales(raw_maps, (93, 117), present=[2])
    for raw in raw_maps:
        raw[0] *= 1000
    assert torch.equal(before, merge_scales(raw_maps, (93, 117), present=[2]))


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (17, 16)])
def test_any_size_of_photograph_is_met(raw_maps, size):
    assert merge_scales(raw_maps, size, present=[0]).shape == (1, *size)


@pytest.mark.parametrize("size", [(40, 70), (16, 81), (33, 48)])
def test_at_full_size_maps_are_stretched_to_a_multiple_of_16_and_cut(raw_maps, size):
    stretched = [-(-length // 16) * 16 for length in size]
    total = sum(bilinear(raw.double().numpy(), stretched) for raw in raw_maps)
    total = total[[3, 1], : size[0], : size[1]]
    expected = total / total.max((1, 2), keepdims=True)
    found = merge_scales(raw_maps, size, present=[3, 1])
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_level_that_a_share_stays_below_becomes_nothing():
    ramp = torch.arange(101.0).reshape(1, 1, 101) / 100
    maps = torch.cat([ramp, 0.5 * ramp + 0.5, torch.zeros_like(ramp)])
    lowered = lower(maps, 0.3)
    expected = ((ramp[0, 0] - 0.3) / 0.7).clamp(min=0)
    # Whatever haze lies over a map, what is left of it is the same.
    for found in lowered[:2, 0]:
        np.testing.assert_allclose(found, expected, atol=1e-4)
    assert not lowered[2].any()
