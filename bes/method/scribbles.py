"""Scribbles: a few strokes of known labels spread by the random walk of Eq. 5.

A walker starts at a pixel and follows the affinities of Eq. 5. It ends where it meets a stroke, or
after `steps` steps on average, wherever it is. The score of a label at the pixel is the probability
that it ends on a stroke of that label, or away from all strokes at a place that had the label
before. So strokes rule what they can reach without crossing a boundary, and elsewhere the labels
stay. With strokes S and all others U, the probabilities solve

    x_U = (1 - a) (T_UU x_U + T_US x_S) + a p_U,    a = 1 / steps,    T = D^-1 A,

which are the walk's Dirichlet problem (Grady, Random Walks for Image Segmentation, 2006) with the
labels before as the prior p. With S = D^-1/2 A D^-1/2 the system is symmetric and its spectrum lies
in [a, 2 - a], so conjugate gradients take some sqrt(steps) products to solve it.
"""

import torch
from torch import Tensor

from bes.errors import BesError
from bes.method.random_walk import affinities

FREE = -1
"""In a map of strokes: no stroke."""
MOST_PRODUCTS = 1000


class ScribbleWalk:
    """The walk of one photograph: its affinities are computed once for all strokes."""

    def __init__(self, boundary: Tensor, *, beta: float, radius: int, steps: int):
        """
        Args:
            boundary: (H, W) boundary probability in [0, 1].
            beta: how much a weak boundary already holds the walk back, positive.
            radius: distance in pixels that neighbours stay under.
            steps: mean length of a walk that meets no stroke, at least 1.
        """
        self.shape = boundary.shape
        boundary = boundary.double()
        self._stay = 1 - 1 / steps
        self._links = affinities(boundary, beta, radius)
        degree = torch.ones_like(boundary).flatten()
        for link in self._links:
            link.add_product(degree, torch.ones_like(degree), 1)
        self._root = degree.sqrt()
        for offset, weight in self._links:
            weight /= self._root[:-offset] * self._root[offset:]

    def spread(self, strokes: Tensor, prior: Tensor, *, tolerance: float = 1e-2) -> Tensor:
        """The probability of each label.

        Args:
            strokes: (H, W) integers, the label of a stroke in [0, K), or `FREE`.
            prior: (K, H, W) probabilities before; where they sum to 1, those returned do too.
            tolerance: bound on the error of any probability.

        Returns:
            (K, H, W) float64; on a stroke 1 for its label and 0 for the others.

        Raises:
            BesError: the strokes or the prior differ in size from the boundary map.
        """
        for what, found in (("strokes", strokes.shape), ("prior", prior.shape[1:])):
            if found != self.shape:
                raise BesError(
                    f"scribbles: the {what} are {tuple(found)}, expected the size of the boundary "
                    f"map, {tuple(self.shape)}"
                )
        labels = torch.arange(len(prior))[:, None]
        fixed = strokes.flatten()
        free = (fixed == FREE).double()
        known = (fixed == labels).double() * self._root
        before = prior.double().flatten(1) * self._root
        target = free * ((1 - self._stay) * before + self._stay * self._product(known))
        solved = self._solve(free, target, start=free * before, tolerance=tolerance)
        return ((solved + known) / self._root).clamp(0, 1).view_as(prior)

    def _product(self, x: Tensor) -> Tensor:
        """S x, for (K, H * W) x."""
        out = x / self._root**2
        for link in self._links:
            link.add_product(out, x, 1)
        return out

    def _solve(self, free: Tensor, target: Tensor, *, start: Tensor, tolerance: float) -> Tensor:
        """Conjugate gradients for (1 - (1 - a) S_UU) x = target, each label for itself.

        The averages of a walk enlarge no error, so none is larger than the largest residual of
        D^-1/2 x, summed up over the steps: divided by a.
        """
        x = start.clone()
        residual = target - (x - free * self._stay * self._product(x))
        direction = residual.clone()
        size = residual.square().sum(1, keepdim=True)
        enough = tolerance * (1 - self._stay)
        for _ in range(MOST_PRODUCTS):
            active = (residual / self._root).abs().amax(1, keepdim=True) > enough
            if not active.any():
                break
            image = direction - free * self._stay * self._product(direction)
            step = torch.where(active, size / (direction * image).sum(1, keepdim=True), 0)
            x += step * direction
            residual -= step * image
            new = residual.square().sum(1, keepdim=True)
            direction = residual + torch.where(active, new / size, 0) * direction
            size = new
        return x
