"""Stage `submission`: the predictions of split `test` as an archive for the VOC server."""

from pathlib import Path

from bes.data.folder import VOC_CLASSES
from bes.data.layout import image_file
from bes.data.manifest import read_catalog, read_manifest
from bes.data.mask_numbers import voc_numbers
from bes.engine.code_digest import code_digest
from bes.engine.inputs import inputs_of, shards_of, vouchers_of
from bes.engine.once import run_once, vouch
from bes.engine.receipts import read_receipts
from bes.engine.vouched import vouched
from bes.errors import BesError

ARCHIVE = "comp6_test_cls.tar"
FOLDER = "results/VOC2012/Segmentation/comp6_test_cls"
"""Where the evaluation server looks; `comp6` allows any training data but VOC's own test set."""


def run_submission(*, dataset: Path, predictions: Path, out: Path, code: str | None = None) -> None:
    """Write the archive of `FOLDER/<image>.png`.

    The classes have VOC's numbers in it, whatever theirs. Raises BesError, and writes nothing, if
    there is no photograph of split `test`, if a class is none of VOC's, or if a prediction is
    missing, has another size than its photograph or a label that is no class.
    """
    catalog = read_catalog(dataset / "classes.json")
    records = [r for r in read_manifest(dataset / "images.csv") if r.split == "test"]
    if not records:
        raise BesError(
            f"{dataset / 'images.csv'}: found no photograph of split test, expected one or more"
        )
    if foreign := [name for name in catalog.classes if name not in VOC_CLASSES]:
        raise BesError(
            f"{dataset / 'classes.json'}: found the class {foreign[0]!r}, expected classes of "
            "PASCAL VOC alone"
        )
    numbers = voc_numbers(catalog.classes)

    def compute() -> dict[str, bytes]:
        import io
        import tarfile

        import numpy as np

        from bes.data.images import decode_labels, encode_labels

        values = np.array([0, *numbers], np.uint8)
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as archive:
            for record in records:
                path = image_file("predictions", predictions, record.id)
                labels = decode_labels(path)
                if labels.shape != (record.height, record.width):
                    raise BesError(
                        f"{path}: found {labels.shape[1]}x{labels.shape[0]} pixels, expected the "
                        f"{record.width}x{record.height} of {record.path}"
                    )
                if labels.max() >= len(values):
                    raise BesError(
                        f"{path}: found the label {labels.max()}, expected 0 to {len(values) - 1}"
                    )
                png = encode_labels(values[labels])
                # Without date and owner, so that equal predictions give an equal archive.
                member = tarfile.TarInfo(f"{FOLDER}/{record.id}.png")
                member.size = len(png)
                archive.addfile(member, io.BytesIO(png))
        return {ARCHIVE: content.getvalue()}

    files = read_receipts(predictions, dataset)
    folders = {"predictions": predictions}
    code = code or code_digest(__name__)
    inputs = inputs_of(options=None, code=code, dataset=dataset, folders=folders)

    def compute_vouched() -> dict[str, bytes]:
        with vouched(vouchers_of(folders, shards_of(dataset))):
            return compute()

    run_once(
        "submission",
        out=out,
        files=(ARCHIVE,),
        parts={
            "code": code,
            "classes": catalog.classes,
            "files": {record.id: files.get(f"{record.id}.png") for record in records},
        },
        compute=compute_vouched,
    )
    vouch(out, (ARCHIVE,), inputs)
    print(f"{len(records)} predictions in {out / ARCHIVE}")
