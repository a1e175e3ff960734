"""Stage `submission`: the predictions of split `test` as an archive for the VOC server."""

from bes.data.folder import VOC_CLASSES
from bes.data.mask_numbers import voc_numbers
from bes.errors import BesError
from bes.incremental.stage import NoOptions, WholeRun, WholeStage
from bes.storage.words import counted

ARCHIVE = "comp6_test_cls.tar"
FOLDER = "results/VOC2012/Segmentation/comp6_test_cls"
"""Where the evaluation server looks; `comp6` allows any training data but VOC's own test set."""


def archive(options: NoOptions, run: WholeRun) -> dict[str, bytes]:
    """The archive of `FOLDER/<image>.png`.

    The classes have VOC's numbers in it, whatever theirs. Raises BesError if there is no photograph
    of split `test`, if a class is none of VOC's, or if a prediction has another size than its
    photograph or a label that is no class.
    """
    import io
    import tarfile

    import numpy as np

    from bes.data.images import decode_labels, encode_labels

    records = [record for record in run.records if record.split == "test"]
    if not records:
        raise BesError(
            f"{run.dataset / 'images.csv'}: found no photograph of split test, expected one or more"
        )
    classes = run.catalog.classes
    if foreign := [name for name in classes if name not in VOC_CLASSES]:
        raise BesError(
            f"{run.dataset / 'classes.json'}: found the class {foreign[0]!r}, expected classes of "
            "PASCAL VOC alone"
        )
    values = np.array([0, *voc_numbers(classes)], np.uint8)
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for record in records:
            path = run.file("predictions", record)
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
            tar.addfile(member, io.BytesIO(png))
    print(f"{counted(len(records), 'prediction')} in {run.out / ARCHIVE}")
    return {ARCHIVE: content.getvalue()}


STAGE = WholeStage(name="submission", compute=archive, reads=("predictions",), on_demand=True)
