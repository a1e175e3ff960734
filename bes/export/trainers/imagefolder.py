"""Format `imagefolder`: folders with `metadata.jsonl` for Hugging Face's `datasets`."""

import json

from bes.export.contents import RAW, Contents
from bes.export.names import check_images


def write(contents: Contents) -> None:
    """`train` and `validation`, each with `images`, `masks` and `metadata.jsonl`.

    A row has the columns `image`, `mask`, `labels` (class names) and `id`, and `raw_mask` if grey
    labels were asked for. Raises UnfitName for an image that `datasets` takes for two addresses.
    """
    check_images(
        contents.train + contents.val,
        lambda name: "::" in name,
        "one without '::', where `datasets` divides addresses",
    )
    for split, records in (("train", contents.train), ("validation", contents.val)):
        if not records:
            continue
        contents.place_photographs(records, f"{split}/images")
        contents.place_labels(records, f"{split}/masks")
        rows = []
        for record in records:
            row = {
                "file_name": f"images/{record.id}.jpg",
                "mask_file_name": f"masks/{record.id}.png",
                "labels": list(record.labels),
                "id": record.id,
            }
            if contents.raw:
                row["raw_mask_file_name"] = f"masks{RAW}/{record.id}.png"
            rows.append(json.dumps(row))
        contents.write_lines(f"{split}/metadata.jsonl", rows)
    contents.write("classes.json", json.dumps(contents.names, indent=1) + "\n")
