"""The random walk, Eq. 5."""

import math

import numpy as np
import pytest
import torch

from bes.errors import BesError
from bes.method.random_walk import chebyshev_coefficients, random_walk

PUBLISHED = {"beta": 5, "steps": 256, "radius": 5}


@pytest.fixture
def maps(rng) -> torch.Tensor:
    return torch.from_numpy(rng.random((2, 9, 13)))


@pytest.fixture
def boundary(rng) -> torch.Tensor:
    return torch.from_numpy(rng.random((9, 13)) ** 3)


def dense_affinity(boundary, *, beta, radius):
    """Eq. 5, pixel by pixel: (H * W, H * W)."""
    height, width = boundary.shape
    pixels = list(np.ndindex(height, width))
    affinity = np.eye(len(pixels))
    for i, (y0, x0) in enumerate(pixels):
        for j, (y1, x1) in enumerate(pixels):
            dy, dx = y1 - y0, x1 - x0
            length = math.hypot(dy, dx)
            if i == j or length >= radius:
                continue
            path = [
                boundary[y, x]
                for y in range(min(y0, y1), max(y0, y1) + 1)
                for x in range(min(x0, x1), max(x0, x1) + 1)
                if abs(dy * (x - x0) - dx * (y - y0)) / length < 1
            ]
            affinity[i, j] = (1 - max(path)) ** beta
    return affinity


def dense_walk(maps, boundary, *, beta, steps, radius):
    """The walk as published: a dense transition matrix, column by column, and its power."""
    affinity = dense_affinity(boundary, beta=beta, radius=radius)
    transition = affinity / affinity.sum(axis=0, keepdims=True)
    start = (maps * (1 - boundary)).reshape(len(maps), -1)
    return (start @ np.linalg.matrix_power(transition, steps)).reshape(maps.shape)


@pytest.mark.parametrize("case", range(4))
def test_golden_walks_are_met_within_the_tolerance(golden, case):
    vectors = golden(f"random_walk_{case}")
    walked = random_walk(
        torch.from_numpy(vectors["cam"]),
        torch.from_numpy(vectors["boundary"]),
        beta=vectors["beta"].item(),
        steps=vectors["steps"].item(),
        radius=vectors["radius"].item(),
    )
    assert abs(walked.numpy() - vectors["walked"]).max() < 1e-4 * vectors["walked"].max()


@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("steps", [1, 7, 256])
def test_the_error_stays_within_the_tolerance(maps, boundary, steps, tolerance):
    settings = PUBLISHED | {"steps": steps}
    exact = dense_walk(maps.numpy(), boundary.numpy(), **settings)
    walked = random_walk(maps, boundary, **settings, tolerance=tolerance)
    assert abs(walked.numpy() - exact).max() < tolerance * exact.max()


@pytest.mark.parametrize("radius", [1, 2, 3, 8])
@pytest.mark.parametrize("beta", [1, 2.5, 10])
def test_any_radius_and_exponent_agree_with_the_dense_walk(maps, boundary, beta, radius):
    settings = {"beta": beta, "steps": 20, "radius": radius}
    exact = dense_walk(maps.numpy(), boundary.numpy(), **settings)
    walked = random_walk(maps, boundary, **settings, tolerance=1e-9)
    np.testing.assert_allclose(walked, exact, atol=1e-9)


@pytest.mark.parametrize("shape", [(1, 1), (1, 17), (17, 1), (2, 3)])
def test_narrow_maps_agree_with_the_dense_walk(rng, shape):
    maps, boundary = rng.random((2, *shape)), rng.random(shape)
    walked = random_walk(
        torch.from_numpy(maps), torch.from_numpy(boundary), **PUBLISHED, tolerance=1e-9
    )
    np.testing.assert_allclose(walked, dense_walk(maps, boundary, **PUBLISHED), atol=1e-9)


def test_a_constant_map_is_a_fixed_point_without_boundaries():
    maps = torch.full((1, 20, 30), 0.7)
    torch.testing.assert_close(random_walk(maps, torch.zeros(20, 30), **PUBLISHED), maps)


@pytest.mark.parametrize("tolerance", [1e-1, 1e-2, 1e-4])
def test_it_is_one_exactly_however_large_an_error_is_allowed(tolerance):
    """Averages leave no range that they start from, which here is one number."""
    maps = torch.full((1, 20, 30), 0.7)
    walked = random_walk(maps, torch.zeros(20, 30), **PUBLISHED, tolerance=tolerance)
    assert torch.equal(walked, maps)


def test_the_walk_of_a_sum_is_the_sum_of_the_walks(maps, boundary):
    first, second, both = random_walk(
        torch.stack([maps[0], maps[1], maps.sum(dim=0)]), boundary, **PUBLISHED, tolerance=1e-9
    )
    torch.testing.assert_close(first + second, both, rtol=0, atol=1e-8)


def test_without_steps_the_walk_stays_where_it_starts(maps, boundary):
    walked = random_walk(maps, boundary, **PUBLISHED | {"steps": 0})
    torch.testing.assert_close(walked, maps * (1 - boundary))


def test_a_closed_boundary_is_not_crossed():
    maps, boundary = torch.zeros(1, 12, 20), torch.zeros(12, 20)
    maps[:, :, :9] = 1
    boundary[:, 9] = 1
    walked = random_walk(maps, boundary, **PUBLISHED)
    torch.testing.assert_close(walked, maps)


def test_a_higher_score_nowhere_lowers_the_result(maps, boundary):
    more = maps.clone()
    more[0, 4, 4] += 1
    gain = random_walk(more, boundary, **PUBLISHED) - random_walk(maps, boundary, **PUBLISHED)
    assert gain.min() > -1e-4
    assert gain.sum() > 0


def test_the_order_of_the_classes_does_not_matter(maps, boundary):
    there = random_walk(maps, boundary, **PUBLISHED)
    back = random_walk(maps.flip(0), boundary, **PUBLISHED).flip(0)
    torch.testing.assert_close(there, back)


@pytest.mark.parametrize("dims", [(1,), (2,), (1, 2)])
def test_a_mirrored_image_has_mirrored_walks(maps, boundary, dims):
    walked = random_walk(maps, boundary, **PUBLISHED)
    mirrored = random_walk(maps.flip(dims), boundary.flip([d - 1 for d in dims]), **PUBLISHED)
    torch.testing.assert_close(mirrored.flip(dims), walked)


def test_a_pattern_far_from_the_border_walks_alike_wherever_it_is():
    maps = torch.zeros(1, 40, 60)
    maps[0, 20, 20] = 1
    boundary = torch.zeros(40, 60)
    boundary[18:24, 22] = 0.8
    settings = PUBLISHED | {"steps": 3}
    walked = random_walk(maps, boundary, **settings)
    moved = random_walk(maps.roll(15, dims=2), boundary.roll(15, dims=1), **settings)
    torch.testing.assert_close(moved, walked.roll(15, dims=2))


def test_a_map_that_is_all_boundary_is_zero(maps):
    walked = random_walk(maps, torch.ones(9, 13), **PUBLISHED)
    assert (walked == 0).all()


def test_an_image_without_classes_has_no_maps(boundary):
    assert random_walk(torch.zeros(0, 9, 13), boundary, **PUBLISHED).shape == (0, 9, 13)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_scores_keep_their_type_and_their_range(maps, boundary, dtype):
    walked = random_walk(maps.to(dtype), boundary.to(dtype), **PUBLISHED)
    assert walked.dtype == dtype
    assert walked.isfinite().all()
    assert walked.min() >= 0 and walked.max() <= 1


def test_the_arguments_are_left_as_they_were(maps, boundary):
    before = maps.clone(), boundary.clone()
    random_walk(maps, boundary, **PUBLISHED)
    assert torch.equal(maps, before[0]) and torch.equal(boundary, before[1])


def test_a_boundary_map_of_another_size_is_refused(maps):
    with pytest.raises(BesError, match=r"\(9, 12\).*\(9, 13\)"):
        random_walk(maps, torch.zeros(9, 12), **PUBLISHED)


@pytest.mark.parametrize("steps", [0, 1, 2, 9, 64])
def test_all_coefficients_together_are_the_power(steps):
    s = np.linspace(-1, 1, 101)
    power = np.polynomial.chebyshev.chebval(s, chebyshev_coefficients(steps, 0.0))
    np.testing.assert_allclose(power, s**steps, atol=1e-12)


def test_256_steps_take_64_applications_for_an_error_of_1e_4():
    assert len(chebyshev_coefficients(256, 1e-4)) == 64 - 2 + 1
