"""Random views of a training photograph and its label map (Section 4.1 of the paper)."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

# Statistics of ImageNet, which the torchvision backbones were trained with.
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


def normalise(photo: np.ndarray) -> np.ndarray:
    """(H,W,3) uint8 -> (3,H,W) float32, ImageNet mean and standard deviation."""
    channels = np.ascontiguousarray(photo.transpose(2, 0, 1)) / np.float32(255)
    channels -= MEAN[:, None, None]
    channels /= STD[:, None, None]
    return channels


def rescale(photo: np.ndarray, factor: float) -> np.ndarray:
    """Scale a photograph, (H,W,3) uint8, by a factor, bicubic with antialiasing."""
    return _resize(photo, factor, Image.Resampling.BICUBIC)


def rescale_labels(labels: np.ndarray, factor: float) -> np.ndarray:
    """Scale a label map, (H,W) uint8, by a factor, nearest neighbour."""
    return _resize(labels, factor, Image.Resampling.NEAREST)


def _resize(pixels: np.ndarray, factor: float, resample: Image.Resampling) -> np.ndarray:
    if factor == 1:
        return pixels
    height, width = (max(round(length * factor), 1) for length in pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).resize((width, height), resample))


@dataclass(frozen=True)
class FlipAndCrop:
    """Mirror or not, and the place of a square crop; one draw serves photograph and labels."""

    mirror: bool
    source: tuple[slice, slice]
    target: tuple[slice, slice]
    crop: int

    @classmethod
    def draw(cls, size: tuple[int, ...], crop: int, rng: np.random.Generator) -> "FlipAndCrop":
        """Mirror with probability 1/2, cut or pad to `crop` pixels at a random place."""
        mirror = bool(rng.random() < 0.5)
        source, target = [], []
        for length in size:
            offset = int(rng.integers(abs(length - crop) + 1))
            inner, outer = slice(0, min(length, crop)), slice(offset, offset + min(length, crop))
            source.append(outer if length > crop else inner)
            target.append(inner if length > crop else outer)
        return cls(mirror, (source[0], source[1]), (target[0], target[1]), crop)

    def apply_to_photo(self, photo: np.ndarray) -> np.ndarray:
        """(H,W,3) uint8 -> (3,crop,crop) float32, normalised, 0 where the picture ends."""
        out = np.zeros((3, self.crop, self.crop), np.float32)
        photo = photo[:, ::-1] if self.mirror else photo
        # What is cut off need not be normalised.
        out[:, *self.target] = normalise(photo[self.source])
        return out

    def apply(self, pixels: np.ndarray, fill: float) -> np.ndarray:
        """(...,H,W) -> (...,crop,crop) of the same dtype, `fill` where the picture ends."""
        out = np.full((*pixels.shape[:-2], self.crop, self.crop), fill, pixels.dtype)
        pixels = pixels[..., ::-1] if self.mirror else pixels
        out[..., *self.target] = pixels[..., *self.source]
        return out
