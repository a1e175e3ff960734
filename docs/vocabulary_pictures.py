"""Draw the pictures of README.md and docs/vocabulary.md from the results of the demo.

    snakemake --cores 2 --configfile config/config.yaml docs/vocabulary_pictures.yaml
    python docs/vocabulary_pictures.py results/demo/base

The first command also trains a segmentation network, for the picture of a prediction.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from PIL import Image, ImageDraw, ImageFont

from bes.data.images import read_boundary_map, read_maps
from bes.data.manifest import read_catalog, read_manifest
from bes.data.working_size import read_reduced
from bes.incremental.stage import image_file, per_image_stages
from bes.method.hard_labels import upsample

IMG = Path(__file__).parent / "img"
ROW = {
    "photograph": "photograph",
    "cams": "CAM",
    "boundary_maps": "boundary map",
    "pseudo_labels": "pseudo label",
}
"""The pictures of the README, with what stands above them."""


def photograph(results: Path, image: str) -> Image.Image:
    """A photograph of the dataset."""
    dataset = results / "dataset"
    record = next(r for r in read_manifest(dataset / "images.csv") if r.id == image)
    return Image.fromarray(read_reduced(read_catalog(dataset / "classes.json"), record))


def stage_picture(results: Path, stage: str, image: str, size: tuple[int, int]) -> Image.Image:
    """What a stage made of a photograph of `size`, width and height, as the report shows it."""
    file = image_file(stage, results / stage, image)
    if stage in ("cams", "revised_maps"):
        scores = upsample(read_maps(file).maps, size[::-1]).max(0, initial=0.0)
        return Image.fromarray(colormaps["inferno"](scores, bytes=True)[..., :3])
    if stage == "boundary_maps":
        scores = upsample(read_boundary_map(file)[None], size[::-1])[0]
        return Image.fromarray(np.rint(scores * 255).astype(np.uint8)).convert("RGB")
    return Image.open(file).convert("RGB")


def row_picture(pictures: dict[str, Image.Image]) -> Image.Image:
    """Pictures of one size side by side, each under its name."""
    gap, top = 6, 22
    width, height = next(iter(pictures.values())).size
    row = Image.new("RGB", (len(pictures) * (width + gap) - gap, height + top), "white")
    for number, (name, picture) in enumerate(pictures.items()):
        left = number * (width + gap)
        row.paste(picture, (left, top))
        draw = ImageDraw.Draw(row)
        draw.text((left + width / 2, 2), name, "black", ImageFont.load_default(15), anchor="ma")
    return row


def save(picture: Image.Image, path: Path) -> None:
    """As a PNG with a palette, which is small."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("results", type=Path, help="results/demo/base")
    parser.add_argument("--image", default="scene_00188", help="a training photograph")
    parser.add_argument("--held-out", default="scene_00119", help="a photograph of the val list")
    args = parser.parse_args()

    original = photograph(args.results, args.image)
    drawn = {"photograph": original}
    for stage in per_image_stages():
        drawn[stage] = stage_picture(args.results, stage, args.image, original.size)
    other = photograph(args.results, args.held_out)
    predicted = stage_picture(args.results, "predictions", args.held_out, other.size)
    drawn["predictions"] = row_picture({"photograph held out": other, "prediction": predicted})
    for name, picture in drawn.items():
        save(picture, IMG / "vocabulary" / f"{name}.png")
    save(row_picture({ROW[name]: drawn[name] for name in ROW}), IMG / "stages.png")


if __name__ == "__main__":
    main()
