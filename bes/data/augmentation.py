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
    if factor == 1:
        return photo
    height, width = _scaled(photo.shape[:2], factor)
    return np.asarray(Image.fromarray(photo).resize((width, height), Image.Resampling.BICUBIC))


def _scaled(size: tuple[int, ...], factor: float) -> tuple[int, int]:
    height, width = (max(round(length * factor), 1) for length in size)
    return height, width


@dataclass(frozen=True)
class ResizedCrop:
    """A place for a square crop in the scaled picture; one draw serves photograph and labels."""

    size: tuple[int, int]
    """Height and width of the whole picture, scaled."""
    mirror: bool
    source: tuple[slice, slice]
    """Rows and columns of the scaled picture, mirrored or not, that are seen."""
    target: tuple[slice, slice]
    """Where they lie in the crop."""
    crop: int

    @classmethod
    def draw(
        cls, size: tuple[int, ...], factor: float, crop: int, rng: np.random.Generator
    ) -> "ResizedCrop":
        """Scale a picture of `size` by a factor, mirror it with probability 1/2, cut or pad it to
        `crop` pixels at a random place."""
        scaled = _scaled(size, factor)
        mirror = bool(rng.random() < 0.5)
        source, target = [], []
        for length in scaled:
            offset = int(rng.integers(abs(length - crop) + 1))
            inner, outer = slice(0, min(length, crop)), slice(offset, offset + min(length, crop))
            source.append(outer if length > crop else inner)
            target.append(inner if length > crop else outer)
        return cls(scaled, mirror, (source[0], source[1]), (target[0], target[1]), crop)

    def apply_to_photo(self, photo: np.ndarray) -> np.ndarray:
        """(H,W,3) uint8 -> (3,crop,crop) float32, bicubic with antialiasing, normalised, 0 where
        the picture ends."""
        out = np.zeros((3, self.crop, self.crop), np.float32)
        out[:, *self.target] = normalise(self._seen(photo, Image.Resampling.BICUBIC))
        return out

    def apply(self, labels: np.ndarray, fill: int) -> np.ndarray:
        """(H,W) uint8 -> (crop,crop), nearest neighbour, `fill` where the picture ends."""
        out = np.full((self.crop, self.crop), fill, labels.dtype)
        out[self.target] = self._seen(labels, Image.Resampling.NEAREST)
        return out

    def _seen(self, pixels: np.ndarray, resample: Image.Resampling) -> np.ndarray:
        """What is seen of a picture, scaled and mirrored; nothing else is computed."""
        rows, columns = self.source
        if self.mirror:
            columns = slice(self.size[1] - columns.stop, self.size[1] - columns.start)
        if self.size == pixels.shape[:2]:
            seen = pixels[rows, columns]
        else:
            height, width = pixels.shape[:2]
            box = (
                *(columns.start * width / self.size[1], rows.start * height / self.size[0]),
                *(columns.stop * width / self.size[1], rows.stop * height / self.size[0]),
            )
            size = columns.stop - columns.start, rows.stop - rows.start
            seen = np.asarray(Image.fromarray(pixels).resize(size, resample, box))
        return seen[:, ::-1] if self.mirror else seen
