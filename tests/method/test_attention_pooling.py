"""Attention pooling, Eq. 6-7."""

import pytest
import torch

from bes.method.attention_pooling import attention_pool


@pytest.fixture
def maps() -> torch.Tensor:
    return torch.randn(2, 3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("k", ["0.0", "0.001", "0.5", "50.0"])
def test_class_maps_pool_to_the_golden_scores(golden, k):
    vectors = golden("attention_pooling")
    expected = vectors[f"class_maps_k{k}"]
    scores = attention_pool(torch.from_numpy(vectors["class_maps"]).float(), float(k)).numpy()
    assert abs(scores - expected).max() < 1e-6 * abs(expected).max()


@pytest.mark.parametrize("k", ["0.0", "0.001", "0.5", "50.0"])
def test_features_pooled_before_the_classifier_give_the_golden_scores(golden, k):
    vectors = golden("attention_pooling")
    expected = vectors[f"features_k{k}"]
    pooled = attention_pool(torch.from_numpy(vectors["features"]).float(), float(k)).numpy()
    assert abs(pooled @ vectors["weight"].T - expected).max() < 1e-6 * abs(expected).max()


def test_without_attention_it_is_the_average(maps):
    torch.testing.assert_close(attention_pool(maps, 0), maps.mean(dim=(2, 3)))


def test_with_all_attention_it_is_the_maximum(maps):
    torch.testing.assert_close(attention_pool(maps, 1e4), maps.amax(dim=(2, 3)))


def test_the_score_grows_with_attention(maps):
    scores = torch.stack([attention_pool(maps, k) for k in (0, 0.1, 1, 10)])
    assert (scores.diff(dim=0) > 0).all()


def test_where_an_activation_lies_does_not_matter(maps):
    moved = maps.roll((2, 1), dims=(2, 3))
    torch.testing.assert_close(attention_pool(maps, 0.5), attention_pool(moved, 0.5))


def test_detached_attention_is_the_gradient(maps):
    maps.requires_grad_()
    attention_pool(maps, 0.5).sum().backward()
    attention = torch.softmax(0.5 * maps.detach().flatten(2), dim=2).view_as(maps)
    torch.testing.assert_close(maps.grad, attention)


def test_attached_attention_adds_its_own_gradient(maps):
    maps.requires_grad_()
    assert torch.autograd.gradcheck(lambda m: attention_pool(m, 0.5, detach=False), maps)
