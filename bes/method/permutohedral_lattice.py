"""Gaussian filters of any features on the permutohedral lattice, compiled by numba.

Adams, Baek, Davis, "Fast High-Dimensional Filtering Using the Permutohedral Lattice", Eurographics
2010, as Krähenbühl and Koltun's dense CRF uses it: values are splatted onto the corners of the
simplex around each point, blurred along each axis of the lattice, and sliced back.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit

inlined = njit(error_model="numpy")
"""Decorator: compiled into the functions that call it.

Without fast math: sums are taken in the order of the code, on any machine.
"""


def compiled(*lengths: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: compiled for some lengths, once for all processes where there is a folder to keep
    the code in.

    Loops of known length take half of the time. Numba keeps what it compiled of a function under
    numbers that processes give out without looking at each other, so that code of one set of
    lengths could be taken for that of another: each has a name of its own, and one signature.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        function.__qualname__ = "_".join([function.__name__, *map(str, lengths)])
        try:
            return njit(function, cache=True, error_model="numpy")
        except RuntimeError:  # neither beside the package nor in the user's cache
            return njit(function, error_model="numpy")

    return decorate


ODD = np.uint64(0x9E3779B97F4A7C15)
"""The golden ratio as a fraction of 64 bits: it spreads keys over a hash table."""
BITS = 21
"""Of each coordinate of a key, three of which go into 64 bits; half of their range is added."""


class Lattice(NamedTuple):
    """The lattice of N points of D features, M corners of which lie around any point.

    Corners count from 1; 0 stands for none. They are unsigned, as numba would look for negative
    indices otherwise.
    """

    corners: np.ndarray
    """(N, D + 1) uint32: the corners around each point."""
    weights: np.ndarray
    """(N, D + 1) float32: its barycentric coordinates, which sum to 1."""
    neighbours: np.ndarray
    """(D + 1, M + 1, 2) uint32: the corners before and behind each along every axis."""


@inlined
def _slot(table: np.ndarray, keys: np.ndarray, key0: np.uint64, key1: np.uint64) -> np.uint64:
    """Where a key is in the hash table, or where it would go."""
    mixed = (key0 ^ (key1 * ODD)) * ODD
    last = np.uint64(len(table) - 1)
    slot = (mixed ^ (mixed >> np.uint64(32))) & last
    while table[slot] and (keys[table[slot], 0] != key0 or keys[table[slot], 1] != key1):
        slot = (slot + np.uint64(1)) & last
    return slot


@inlined
def _grown(table: np.ndarray, keys: np.ndarray, count: int) -> np.ndarray:
    """A hash table of four times the size with the same keys."""
    larger = np.zeros(4 * len(table), np.uint32)
    for number in range(1, count + 1):
        larger[_slot(larger, keys, keys[number, 0], keys[number, 1])] = number
    return larger


@functools.cache
def lattice_builder(d: int) -> Callable[[np.ndarray], Lattice]:
    """The function that builds the lattice of (N, d) float32 features, which are in units of the
    filter's standard deviations; d at most 5."""
    scale = tuple(
        np.float32(np.sqrt(2 / 3) * (d + 1) / np.sqrt((i + 2) * (i + 1))) for i in range(d)
    )
    whole = np.float32(1 / (d + 1))

    @compiled(d)
    def build(features):
        n = len(features)
        corners = np.zeros((n, d + 1), np.uint32)
        weights = np.zeros((n, d + 1), np.float32)
        # Of a corner, its first d coordinates.
        keys = np.zeros((max(n // 2, 16), 2), np.uint64)
        table = np.zeros(1 << 14, np.uint32)
        count = 0
        elevated, offset = np.empty(d + 1, np.float32), np.empty(d + 1, np.float32)
        nearest, rank = np.empty(d + 1, np.int32), np.empty(d + 1, np.int32)
        last_nearest, last_rank = np.zeros(d + 1, np.int32), np.full(d + 1, -1, np.int32)
        barycentric = np.empty(d + 2, np.float32)
        for point in range(n):
            # Onto the plane of points whose coordinates sum to 0.
            total = np.float32(0)
            for j in range(d, 0, -1):
                value = features[point, j - 1] * scale[j - 1]
                elevated[j] = total - np.float32(j) * value
                total += value
            elevated[0] = total
            # The closest corner of remainder 0, and the order of the differences to it.
            off = np.int32(0)
            for i in range(d + 1):
                rounded = np.int32(np.rint(elevated[i] * whole))
                nearest[i] = rounded * np.int32(d + 1)
                offset[i] = elevated[i] - np.float32(nearest[i])
                off += rounded
            for i in range(d + 1):
                rank[i] = off
            for i in range(d):
                for j in range(i + 1, d + 1):
                    less = offset[i] < offset[j]
                    rank[i] += np.int32(less)
                    rank[j] += np.int32(not less)
            same = True
            for i in range(d + 1):
                wrap = np.int32(d + 1) * (np.int32(rank[i] < 0) - np.int32(rank[i] > d))
                rank[i] += wrap
                nearest[i] += wrap
                same &= nearest[i] == last_nearest[i] and rank[i] == last_rank[i]
            for i in range(d + 2):
                barycentric[i] = 0
            for i in range(d + 1):
                share = (elevated[i] - np.float32(nearest[i])) * whole
                barycentric[np.uint32(d - rank[i])] += share
                barycentric[np.uint32(d + 1 - rank[i])] -= share
            barycentric[0] += np.float32(1) + barycentric[d + 1]
            for i in range(d + 1):
                weights[point, i] = barycentric[i]
            # Most points lie in the simplex of the one before.
            if same:
                for i in range(d + 1):
                    corners[point, i] = corners[point - 1, i]
                continue
            for i in range(d + 1):
                last_nearest[i], last_rank[i] = nearest[i], rank[i]
            if 2 * (count + d + 1) > len(table):
                table = _grown(table, keys, count)
            if count + d + 2 > len(keys):
                more = np.zeros((2 * len(keys), 2), np.uint64)
                more[: len(keys)] = keys
                keys = more
            for remainder in range(d + 1):
                key0, key1 = np.uint64(0), np.uint64(0)
                for i in range(d):
                    part = nearest[i] + remainder - (d + 1) * (rank[i] > d - remainder)
                    biased = np.uint64(part + (1 << (BITS - 1))) << np.uint64(BITS * (i % 3))
                    if i < 3:
                        key0 |= biased
                    else:
                        key1 |= biased
                slot = _slot(table, keys, key0, key1)
                if table[slot] == 0:
                    count += 1
                    keys[count, 0], keys[count, 1] = key0, key1
                    table[slot] = count
                corners[point, remainder] = table[slot]

        neighbours = np.zeros((d + 1, count + 1, 2), np.uint32)
        for axis in range(d + 1):
            step0, step1 = np.uint64(0), np.uint64(0)
            for i in range(d):
                part = 1 - (d + 1) * (i == axis)
                if i < 3:
                    step0 += np.uint64(part) << np.uint64(BITS * (i % 3))
                else:
                    step1 += np.uint64(part) << np.uint64(BITS * (i % 3))
            for corner in range(1, count + 1):
                slot = _slot(table, keys, keys[corner, 0] + step0, keys[corner, 1] + step1)
                found = table[slot]
                if found:
                    neighbours[axis, corner, 1] = found
                    neighbours[axis, found, 0] = corner
        return Lattice(corners, weights, neighbours)

    return build


# Below, `axes` and `channels` are tuples whose lengths count, as those are known when the code is
# compiled: D + 1 and C.


@inlined
def splat(lattice, point, values, onto, axes, channels):
    """Add the (C,) float32 values of a point at the corners around it, onto (M + 1, C)."""
    for i in range(len(axes)):
        corner, weight = lattice.corners[point, i], lattice.weights[point, i]
        for c in range(len(channels)):
            onto[corner, c] += weight * values[c]


@inlined
def blur(lattice, values, spare, axes, channels):
    """Blur (M + 1, C) float32 values along every axis. Gives the one of the two arrays that has the
    result, and the other; row 0 is 0, for corners without a neighbour."""
    for axis in range(len(axes)):
        for c in range(len(channels)):
            values[0, c] = 0
        for corner in range(1, len(values)):
            before = lattice.neighbours[axis, corner, 0]
            behind = lattice.neighbours[axis, corner, 1]
            for c in range(len(channels)):
                around = values[before, c] + values[behind, c]
                spare[corner, c] = values[corner, c] + np.float32(0.5) * around
        values, spare = spare, values
    for c in range(len(channels)):
        values[0, c] = 0
    return values, spare


@inlined
def slice_at(lattice, point, values, result, axes, channels):
    """The filtered (C,) float32 values at a point, of (M + 1, C) blurred ones."""
    # Blurring along all axes adds up to this much more than 1.
    alpha = np.float32(1 / (1 + 2.0 ** (1 - len(axes))))
    for c in range(len(channels)):
        result[c] = 0
    for i in range(len(axes)):
        corner, weight = lattice.corners[point, i], lattice.weights[point, i]
        for c in range(len(channels)):
            result[c] += weight * values[corner, c]
    for c in range(len(channels)):
        result[c] *= alpha
