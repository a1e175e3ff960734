"""Stage `tables`: IoU per class under the published rows (Tables 2-3), methods (Table 4)."""

from pathlib import Path

from bes.data.manifest import read_catalog, read_manifest
from bes.engine.code_digest import code_digest
from bes.engine.files import digest_file
from bes.engine.inputs import inputs_of, vouchers_of
from bes.engine.once import run_once, vouch
from bes.engine.vouched import vouched
from bes.stages.evaluation import read_scores

KINDS = ("per_class", "methods")
FILES = tuple(f"{kind}.{ending}" for kind in KINDS for ending in ("csv", "md", "tex"))


def run_tables(
    *, dataset: Path, evaluation: Path, out: Path, title: str, code: str | None = None
) -> None:
    """Write `FILES`; `title` is how the rows of this run are called.

    The published rows are there for the twenty classes of PASCAL VOC alone. Raises BesError if the
    scores are missing.
    """
    from bes.report.published import PATH

    catalog = read_catalog(dataset / "classes.json")
    records = read_manifest(dataset / "images.csv")
    photographs = sum(record.split == "train" for record in records)
    folders = {"evaluation": evaluation}
    code = code or code_digest(__name__)
    inputs = inputs_of(options=None, code=code, dataset=dataset, folders=folders)
    with vouched(vouchers_of(folders, [])):
        scores = read_scores(evaluation / "scores.json")

    def compose() -> dict[str, bytes]:
        from bes.report.class_tables import class_grid, method_grid
        from bes.report.grid import to_csv, to_latex, to_markdown

        grids = {
            "per_class": class_grid(title, catalog.classes, scores),
            "methods": method_grid(title, catalog.classes, scores, photographs=photographs),
        }
        written = {"csv": to_csv, "md": to_markdown, "tex": to_latex}
        return {
            f"{kind}.{ending}": write(grid)
            for kind, grid in grids.items()
            for ending, write in written.items()
        }

    run_once(
        "tables",
        out=out,
        files=FILES,
        parts={
            "title": title,
            "classes": catalog.classes,
            "photographs": photographs,
            "scores": scores,
            "published": digest_file(PATH),
            "code": code,
        },
        compute=compose,
    )
    vouch(out, FILES, inputs)
