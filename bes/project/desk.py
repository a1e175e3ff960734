"""The desk for the pseudo labels of an experiment, out of its folders and options."""

from dataclasses import replace

from bes.data.corrections import CORRECTIONS
from bes.data.images import read_bytes
from bes.data.manifest import ImageRecord, read_catalog, read_manifest
from bes.data.ranking import read_ranking
from bes.data.review import REVIEW
from bes.incremental.stage import Sources
from bes.method.dense_crf import load_inference
from bes.project.settings import Project
from bes.project.solved import maps_of
from bes.review.desk import Desk, Places
from bes.review.photograph import Photograph
from bes.stages.pseudo_labels import prepare
from bes.stages.shared.crf_settings import crf_settings
from bes.storage.files import digest_bytes, digest_file


def open_desk(project: Project, experiment: str) -> Desk:
    """The desk of a review; raises BesError where there are no pseudo labels."""
    options = project.experiments[experiment].options
    names = ("dataset", "boundary_maps", "revised_maps", "pseudo_labels", "quality")
    folders = {name: project.folder(experiment, name) for name in names}
    # What else its labels are made from.
    folders |= project.read_by("pseudo_labels", experiment)
    catalog = read_catalog(folders["dataset"] / "classes.json")
    sources = Sources(catalog, folders, "cpu")
    records = read_manifest(folders["dataset"] / "images.csv")
    compute = prepare(options["pseudo_labels"], sources)
    # The compiled code of the dense CRF, so that no stroke has to wait for it.
    if crf := crf_settings(options["pseudo_labels"]):
        for n_labels in {len(record.labels) + 1 for record in records if not record.held_out}:
            load_inference(crf, label_maps=1, n_labels=n_labels)

    def computed(record: ImageRecord) -> bytes:
        if not record.correction:
            return read_bytes(sources.file("pseudo_labels", record))
        return compute(replace(record, correction=""))

    def label(record: ImageRecord) -> str | None:
        if not record.correction:
            return digest_file(sources.file("pseudo_labels", record))
        return digest_bytes(computed(record))

    maps = maps_of(project, experiment)

    def photograph(record: ImageRecord) -> Photograph:
        return Photograph(
            catalog,
            record,
            boundary=sources.file("boundary_maps", record),
            computed=computed,
            walk=options["revised_maps"],
            labels=options["pseudo_labels"],
        )

    dataset = options["dataset"]
    return Desk(
        catalog,
        records,
        read_ranking(folders["quality"] / "ranking.csv"),
        places=Places(dataset.corrections or CORRECTIONS, dataset.review or REVIEW),
        maps=lambda record: maps(record.id),
        label=label,
        photograph=photograph,
    )
