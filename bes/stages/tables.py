"""Stage `tables`: IoU per class under the published rows (Tables 2-3), methods (Table 4)."""

from bes.incremental.stage import NoOptions, WholeRun, WholeStage
from bes.report.published import PATH
from bes.report.scores import read_scores


def tabulate(options: NoOptions, run: WholeRun) -> dict[str, bytes]:
    """The tables as CSV, Markdown and LaTeX; this run's rows have the experiment's name.

    The published rows are there for the twenty classes of PASCAL VOC alone.
    """
    from bes.report.class_tables import class_grid, method_grid
    from bes.report.grid import to_csv, to_latex, to_markdown

    scores = read_scores(run.folders["evaluation"] / "scores.json")
    title, classes = run.out.absolute().parent.name, run.catalog.classes
    grids = {
        "per_class": class_grid(title, classes, scores),
        "methods": method_grid(title, classes, scores, photographs=len(run.train_records)),
    }
    written = {"csv": to_csv, "md": to_markdown, "tex": to_latex}
    return {
        f"{kind}.{ending}": write(grid)
        for kind, grid in grids.items()
        for ending, write in written.items()
    }


STAGE = WholeStage(
    name="tables", compute=tabulate, reads=("evaluation",), on_demand=True, assets=(PATH,)
)
