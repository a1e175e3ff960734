"""Exports a network: checked against PyTorch on photographs before it is kept, with its card."""

from pathlib import Path

from bes.data.evenly import evenly
from bes.data.manifest import ImageRecord, read_manifest
from bes.errors import BesError
from bes.incremental.inputs import files_of
from bes.predict.trained import TrainedNetwork
from bes.storage.files import write_atomic
from bes.storage.pool import limit_threads
from bes.storage.progress import say
from bes.storage.vouched import vouched
from bes.storage.words import counted

CARD = "README.md"
PHOTOGRAPHS = 20
"""That the check looks at."""
LEAST_AGREEMENT = 0.999
"""Share of their pixels that must have the same label."""


def export_network(trained: TrainedNetwork, *, format: str, out: Path, threads: int) -> None:
    """Write the network, and its model card, `README.md`.

    Raises BesError if it cannot be written so, if it does not give the labels that PyTorch gives,
    or if a photograph of the dataset cannot be read. Nothing is written then.
    """
    limit_threads(threads)
    from bes.data.working_size import read_reduced
    from bes.predict.exported import FORMATS, Exported, agreement
    from bes.predict.model_card import model_card
    from bes.stages.shared.segmentation_inference import load_segmenter

    name, write, run = FORMATS[format]
    records = _chosen(read_manifest(trained.dataset / "images.csv"))
    with vouched([*trained.vouchers, *files_of(trained.catalog, records)]):
        module = Exported(load_segmenter(trained.file, "cpu")).eval()
        say(f"writing it as {format}, which takes some seconds to minutes")
        content = write(module, trained.catalog.classes)
        photographs = counted(len(records), "photograph")
        say(f"comparing it with PyTorch on {photographs}")
        photos = (read_reduced(trained.catalog, record) for record in records)
        share = agreement(module, run(content), photos)
    if share < LEAST_AGREEMENT:
        raise BesError(
            f"--format {format}: found the label that PyTorch gives in {share:.2%} of the pixels "
            f"of {photographs}, expected {LEAST_AGREEMENT:.1%} or more; nothing was "
            "written"
        )
    measured = (
        f"Before it was kept, this file was compared with PyTorch on {photographs} of "
        f"the dataset: the same label in {share:.4%} of the pixels."
    )
    card = model_card(trained, format=format, file=name, agreement=measured)
    write_atomic(out / name, content, durable=True)
    write_atomic(out / CARD, card.encode())
    print(f"{out / name}: {len(content) / 1e6:.1f} MB, {share:.4%} of the labels as by PyTorch")
    print(f"{out / CARD}: its model card")


def _chosen(records: list[ImageRecord]) -> list[ImageRecord]:
    """Evenly spaced ones, of those held out if there are any."""
    records = [record for record in records if record.held_out] or records
    return evenly(records, PHOTOGRAPHS)
