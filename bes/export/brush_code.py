"""The run-length code of Label Studio's brush, which is thi.ng's `rle-pack` of an RGBA picture."""

from collections.abc import Sequence

import numpy as np

WORD = 8
SIZES = (3, 4, 8, 16)
"""Bits of the four lengths that a block may have."""
CHANNELS = 4


def encode_brush(mask: np.ndarray) -> list[int]:
    """A mask, bool (H, W), as bytes: all four channels are 255 inside and 0 outside."""
    values = mask.ravel()
    ends = np.append(np.flatnonzero(values[1:] != values[:-1]), len(values) - 1)
    bits = [f"{len(values) * CHANNELS:032b}{WORD - 1:05b}"]
    bits += [f"{size - 1:04b}" for size in SIZES]
    start = -1
    for end in ends.tolist():
        value = 255 if values[end] else 0
        left = (end - start) * CHANNELS
        while left:
            run = min(left, 1 << SIZES[-1])
            which = next(i for i, size in enumerate(SIZES) if run <= 1 << size)
            bits.append(f"1{which:02b}{run - 1:0{SIZES[which]}b}{value:08b}")
            left -= run
        start = end
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8))


def decode_brush(code: Sequence[int], size: tuple[int, int]) -> np.ndarray:
    """The mask, bool (H, W), of a picture of a height and width: where it is more opaque than not.

    Raises ValueError for a code that is none, or of another size.
    """
    content = bytes(code)
    text = f"{int.from_bytes(content):0{8 * len(content)}b}" if content else ""
    at = 0

    def read(bits: int) -> int:
        nonlocal at
        at += bits
        if at > len(text):
            raise ValueError("it ends too early")
        return int(text[at - bits : at], 2)

    count, word = read(32), read(5) + 1
    sizes = [read(4) + 1 for _ in SIZES]
    expected = size[0] * size[1] * CHANNELS
    if count != expected:
        raise ValueError(f"found {count} values, expected {expected}, four for each pixel")
    values, done = np.zeros(count, np.uint32), 0
    while done < count:
        same, length = read(1), read(sizes[read(2)]) + 1
        if done + length > count:
            raise ValueError("it has more values than it says")
        values[done : done + length] = read(word) if same else [read(word) for _ in range(length)]
        done += length
    return values.reshape(*size, CHANNELS)[..., -1] > (1 << word) // 2 - 1
