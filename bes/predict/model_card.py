"""The model card of an exported network: what it is for, what it learnt from, how good it is."""

import itertools
from collections import Counter
from typing import Any

from bes.data.manifest import BACKGROUND, read_manifest
from bes.incremental.inputs import Reader, receipts_of, shards_of
from bes.incremental.journal import read_runs
from bes.predict.trained import TrainedNetwork
from bes.report.scores import read_scores
from bes.storage.layout import whole_receipt
from bes.storage.memo import digest_of
from bes.storage.receipts import read_inputs
from bes.storage.words import counted

USE = {
    "onnx": """\
import numpy, onnxruntime
from PIL import Image, ImageOps

photo = numpy.array(ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB"))
session = onnxruntime.InferenceSession("{file}")
logits = session.run(["logits"], {{"photographs": photo[None]}})[0]
labels = logits[0].argmax(0)  # height x width, numbered as above""",
    "torch-export": """\
import numpy, torch
from PIL import Image, ImageOps

photo = numpy.array(ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB"))
network = torch.export.load("{file}").module()
logits = network(torch.from_numpy(photo[None]))
labels = logits[0].argmax(0)  # height x width, numbered as above""",
}


def model_card(trained: TrainedNetwork, *, format: str, file: str, agreement: str) -> str:
    """The card as Markdown; `agreement` says what the file was checked on."""
    records = read_manifest(trained.dataset / "images.csv")
    train = [record for record in records if record.split == "train"]
    run = max(read_runs(trained.folder), key=lambda run: run.finished, default=None)
    classes = [BACKGROUND, *trained.catalog.classes]
    shown = Counter(label for record in train for label in record.labels)
    rows = [(index, name, shown[name] if index else "") for index, name in enumerate(classes)]
    options: dict[str, Any] = dict(run.options) if run else {}
    parts = [
        f"# Segmentation network of {len(classes) - 1} classes\n",
        f"`{file}` tells for each pixel of a photograph which class it shows. BLAKE2b-128 of the "
        f"network that it was made from: `{trained.digest}`.\n",
        "## Classes\n",
        _table(("number", "class", "training photographs"), rows),
        "## Input and output\n",
        "`photographs`: uint8, batch x height x width x 3, RGB from 0 to 255, upright, of any "
        "size. Normalisation is inside. `logits`: float32, batch x "
        f"{len(classes)} x height x width; the highest is the label.\n",
        f"It was trained on photographs of at most {trained.catalog.max_pixels:,} pixels: reduce "
        "larger ones to that many first, and enlarge the labels.\n",
        f"```python\n{USE[format].format(file=file)}\n```\n",
        "## Data\n",
        f"{counted(len(train), 'photograph')} with the names of the classes in them. The labels of "
        "their pixels are computed (BES, weak supervision), and wrong in places; "
        f"{sum(bool(record.correction) for record in train) or 'none'} of them corrected by "
        "hand.\n",
        "## Scores\n",
        _scores(trained),
        f"{agreement}\n",
        "## Settings of the training\n",
        _table(("setting", "value"), [(f"`{k}`", f"`{v}`") for k, v in options.items()])
        if options
        else "Not recorded.\n",
        "## Versions\n",
        _table(("of", "version"), list(run.versions.items())) if run else "Not recorded.\n",
        "## Licence\n",
        f"Not known. The weights follow from the photographs and from the initial weights "
        f"(`{options.get('weights', 'not recorded')}`), each of which has terms of its own.\n",
        "## Limits\n",
        "- It knows the classes above and nothing else: any other thing becomes background, or one "
        "of them.\n"
        "- Photographs unlike those of the training (another camera, season, distance) are "
        "segmented worse than the scores say.\n"
        "- Classes that always occur together in the training photographs may be taken for one "
        "another.\n"
        "- The logits are no calibrated probabilities.\n"
        "- `bes predict` can average several scales and the mirror image, and refine the outlines; "
        "this file does neither.\n",
    ]
    return "\n".join(parts)


def _scores(trained: TrainedNetwork) -> str:
    """What was measured of this network, or that nothing was."""
    evaluation = trained.folder.resolve().parent / "evaluation"
    if not _is_of(trained):
        return (
            "None: it was not scored on photographs with masks that were held out (`dataset.val`, "
            "with the goal `predictions`).\n"
        )
    score = read_scores(evaluation / "scores.json")["predictions"]
    rows = [(name, "" if iou is None else f"{iou:.1f}") for name, iou in score["per_class"].items()]
    options = ", ".join(map(str, trained.maps.scales))
    return (
        f"mIoU {score['miou']:.1f} %, against the masks of "
        f"{counted(score['photographs'], 'photograph')} of `{score['split']}`, which it was not "
        f"trained on. Measured as the workflow applies the network, at the scales {options}"
        + (", with the mirror image" if trained.maps.flip else "")
        + (", refined by the dense CRF" if trained.predictions.crf else "")
        + "; this file alone, at one scale, was not scored.\n\n"
        + _table(("class", "IoU %"), rows)
    )


def _is_of(trained: TrainedNetwork) -> bool:
    """Whether there is a score of predictions, and all that it comes from is of this network."""
    home, shards = trained.folder.resolve().parent, shards_of(trained.dataset)
    reader = Reader()
    evaluation = whole_receipt(home / "evaluation")
    if not evaluation.exists():
        return False
    chain = ("segmenter", "segmentation_maps", "predictions", "evaluation")
    for parent, stage in itertools.pairwise(chain):
        for receipt in receipts_of(stage, home / stage, shards):
            shard = shards if stage == "evaluation" else [receipt.stem]
            sources = receipts_of(parent, home / parent, shard)
            if not receipt.exists() or not all(source.exists() for source in sources):
                return False
            expected = digest_of([reader.vouched(source) for source in sources])
            if read_inputs(receipt).get(parent) != expected:
                return False
    return "predictions" in read_scores(home / "evaluation" / "scores.json")


def _table(heading: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = [heading, ("---",) * len(heading), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|")
