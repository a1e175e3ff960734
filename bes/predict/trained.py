"""A trained segmentation network as a run left it: its classes, and how that run applied it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from bes.data.manifest import Catalog, read_catalog
from bes.errors import BesError
from bes.incremental.inputs import vouchers_of
from bes.options.declared import options_of
from bes.project.sections import BASE
from bes.stages.predictions import PredictionOptions
from bes.stages.segmentation_maps import SegmentationMapOptions
from bes.storage.files import digest_file
from bes.storage.layout import model_file, model_receipt, receipt_file
from bes.storage.receipts import model_digest, read_inputs, read_options
from bes.storage.vouched import Voucher

Options = TypeVar("Options")


@dataclass(frozen=True)
class TrainedNetwork:
    """A network of `bes segmenter`."""

    folder: Path
    digest: str
    """Of its file."""
    dataset: Path
    """What it was trained on."""
    catalog: Catalog
    maps: SegmentationMapOptions
    predictions: PredictionOptions
    notes: tuple[str, ...] = ()
    """What of its options is not known, in words."""

    @property
    def file(self) -> Path:
        """The weights."""
        return model_file(self.folder)

    @property
    def vouchers(self) -> list[Voucher]:
        """What the file of the weights must be."""
        return vouchers_of({"segmenter": self.folder}, [])

    def with_options(self, given: dict[str, Any]) -> "TrainedNetwork":
        """The same network, applied with some options of either stage changed."""
        maps, predictions = _changed(self.maps, given), _changed(self.predictions, given)
        return replace(self, maps=maps, predictions=predictions)


def find_network(given: Path | None) -> Path:
    """The folder of a network: the one given, or the only one in `results`.

    Raises BesError if there is none, or more than one to choose from.
    """
    if given is not None:
        if not model_receipt(given).is_file():
            raise BesError(
                f"--network: found no trained network in {given}, expected a folder of `bes "
                "segmenter`, such as results/photographs/base/segmenter"
            )
        return given
    found = sorted(path.parent for path in Path("results").glob("*/*/segmenter/model.json"))
    if len(found) != 1:
        raise BesError(
            f"--network: found {len(found)} trained networks in results, expected one, or the "
            f"folder of one with --network{': ' * bool(found)}{', '.join(map(str, found))}; a run "
            "with goal=predictions trains one"
        )
    return found[0]


def read_trained(folder: Path) -> TrainedNetwork:
    """What a folder of `bes segmenter` holds, and what the stages beside it were told.

    Where a stage was not run yet, its options are the defaults. Raises BesError if the dataset is
    not beside it, or has other classes than those it was trained with.
    """
    home = folder.resolve().parent
    datasets = [home / "dataset", home.parent / BASE / "dataset"]
    dataset = next((path for path in datasets if (path / "classes.json").is_file()), None)
    if dataset is None:
        raise BesError(
            f"{folder}: found no dataset/classes.json beside it, expected the folder of the "
            "network where the run that trained it left it"
        )
    classes = dataset / "classes.json"
    if read_inputs(model_receipt(folder)).get("classes") != digest_file(classes):
        raise BesError(
            f"{folder}: found a network that was trained with other classes, or photographs of "
            f"another size, than {classes} has now, expected the same; train it anew"
        )

    told = {
        stage: read_options(receipt_file(home / stage, "000"))
        for stage in ("segmentation_maps", "predictions")
    }
    notes = tuple(
        f"the options of {stage} are the defaults: found no receipt of a run in {home / stage}"
        for stage, known in told.items()
        if not known
    )
    return TrainedNetwork(
        folder=folder,
        digest=model_digest(folder),
        dataset=dataset,
        catalog=read_catalog(classes),
        maps=_changed(SegmentationMapOptions(), told["segmentation_maps"]),
        predictions=_changed(PredictionOptions(), told["predictions"]),
        notes=notes,
    )


def _changed(options: Options, given: dict[str, Any]) -> Options:
    """Options with the values that are given, of those that they have."""
    names = {option.name for option in options_of(type(options))}
    known = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items() if k in names}
    return replace(options, **known)  # type: ignore[type-var]
