"""The size of a picture, from the head of its file."""

from pathlib import Path

_ORIENTATION_TAG = 0x0112


def size_of(path: Path) -> tuple[int, int] | None:
    """Height and width of a photograph as it is displayed, pixels; None for what cannot be read,
    which the dataset stage will say more of."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            width, height = image.size
            turned = image.getexif().get(_ORIENTATION_TAG, 1) >= 5
    # A decoder may stumble over anything.
    except Exception:
        return None
    return (width, height) if turned else (height, width)
