"""Random walk: localisation maps spread within the boundaries explored (Eq. 5).

The walk multiplies by T^n, where T = A D^-1 with the affinities A and their row sums D. T averages
over a small neighbourhood (69 pixels at radius 5), so it is applied as a stencil and never formed.
With S = D^-1/2 A D^-1/2,

    x T^n = (x D^1/2) S^n D^-1/2,

and as S is symmetric with its spectrum in [-1, 1], S^n can be replaced by a truncated Chebyshev
series. s^n has the coefficients of a binomial distribution, whose width grows with sqrt(n): about
100 applications do for 256 steps.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from bes.errors import BesError
from bes.method.pixel_pairs import directions


class Link(NamedTuple):
    """What joins all pixels to their neighbours in one direction, pixels counted row by row.

    weight[i] belongs to pixels i and i + offset; it is 0 where the offset leaves the row's end for
    the next row. Flat runs of memory are what makes a walk on the CPU fast.
    """

    offset: int
    weight: Tensor

    def add_product(self, out: Tensor, x: Tensor, factor: float) -> None:
        """out += factor * (this link, both ways) x, for (..., H * W) out and x."""
        out[..., : -self.offset].addcmul_(self.weight, x[..., self.offset :], value=factor)
        out[..., self.offset :].addcmul_(self.weight, x[..., : -self.offset], value=factor)


def random_walk(
    maps: Tensor,
    boundary: Tensor,
    *,
    beta: float,
    steps: int,
    radius: int,
    tolerance: float = 1e-4,
) -> Tensor:
    """Walk `steps` steps from maps * (1 - boundary), staying away from boundaries (Eq. 5).

    The affinity of two pixels closer than the radius is (1 - m)^beta, where m is the largest
    boundary probability on the line between them; each pixel then becomes the average of its
    neighbourhood, weighted by affinity, once per step. Nothing lies outside the image. A pixel
    that is all boundary has only itself.

    Args:
        maps: (K, H, W) scores, float, any device; K may be 0.
        boundary: (H, W) boundary probability in [0, 1], same device.
        beta: how much a weak boundary already holds the walk back, positive.
        steps: length of the walk; 0 returns where it starts.
        radius: distance in pixels that neighbours stay under.
        tolerance: bound on the error of any score, relative to the largest score returned. It
            is guaranteed for non-negative maps, up to rounding of the result.

    Returns:
        (K, H, W) scores, shape, dtype and device of `maps`; each class within the range it starts
        from. Computed in float64.

    Raises:
        BesError: the maps and the boundary map differ in size.
    """
    if maps.shape[1:] != boundary.shape:
        raise BesError(
            f"random walk: the boundary map is {tuple(boundary.shape)}, expected the size of the "
            f"localisation maps, {tuple(maps.shape[1:])}"
        )
    if maps.numel() == 0:
        return maps.clone()

    boundary = boundary.double()
    start = (maps.double() * (1 - boundary)).flatten(1)

    links = affinities(boundary, beta, radius)
    degree = torch.ones_like(start[0])
    for link in links:
        link.add_product(degree, torch.ones_like(degree), 1)
    root = degree.sqrt()
    for offset, weight in links:
        weight /= root[:-offset] * root[offset:]

    scaled = start * root
    room = _room_for_error(start, scaled, degree)
    coefficients = chebyshev_coefficients(steps, tolerance * room)
    walked = _chebyshev_sum(links, 1 / degree, scaled, coefficients) / root

    # Averages leave no range that they start from, so this only takes error away.
    low, high = start.aminmax(dim=1, keepdim=True)
    return walked.clamp(low, high).view_as(maps).to(maps.dtype)


def chebyshev_coefficients(steps: int, tolerance: float) -> list[float]:
    """The first coefficients c_k of s^steps = sum_k c_k T_k(s), for s in [-1, 1].

    c_k is the probability that a walk of `steps` coin flips ends k from where it started, on
    either side. Those left out sum to less than the tolerance, or are none.
    """
    coefficients = [0.0] * (steps + 1)
    everything = 2**steps
    left_out = everything
    for k in range(steps % 2, steps + 1, 2):
        ways = math.comb(steps, (steps - k) // 2) * (2 if k else 1)
        coefficients[k] = ways / everything
        left_out -= ways
        if left_out / everything < tolerance:
            return coefficients[: k + 1]
    return coefficients


def affinities(boundary: Tensor, beta: float, radius: int) -> list[Link]:
    """Eq. 5 for every pair of pixels, once, by direction; a pixel's affinity to itself is 1."""
    height, width = boundary.shape
    links = []
    for direction in directions(height, width, radius=radius):
        affinity = torch.zeros_like(boundary)
        direction.pixels(affinity).copy_((1 - direction.largest_between(boundary)) ** beta)
        offset = direction.dy * width + direction.dx
        links.append(Link(offset, affinity.flatten()[:-offset]))
    return links


def _room_for_error(start: Tensor, scaled: Tensor, degree: Tensor) -> float:
    """How far the coefficients left out may sum to, per unit of relative error of the result.

    T_k(S) lengthens no vector, so leaving out a sum e changes no score by more than
    e * |x D^1/2|, as degrees are at least 1. The walk keeps the mean weighted by degree, so the
    largest score of the result is no smaller than that mean.
    """
    largest_mean = ((start * degree).sum(dim=1) / degree.sum()).amax()
    longest = torch.linalg.vector_norm(scaled, dim=1).amax()
    return float(largest_mean / longest) if longest > 0 else 1.0


def _chebyshev_sum(
    links: list[Link], own_weight: Tensor, x: Tensor, coefficients: list[float]
) -> Tensor:
    """sum_k c_k T_k(S) x by T_{k+1} = 2 S T_k - T_{k-1}."""

    def add_product(out: Tensor, x: Tensor, factor: float) -> Tensor:
        """out += factor * S x"""
        out.addcmul_(own_weight, x, value=factor)
        for link in links:
            link.add_product(out, x, factor)
        return out

    total = coefficients[0] * x
    previous, current = x, add_product(torch.zeros_like(x), x, 1)
    for coefficient in coefficients[1:]:
        total.add_(current, alpha=coefficient)
        previous, current = current, add_product(-previous, current, 2)
    return total
