"""Stage `comparison`: experiments side by side, with mean and standard deviation over the seeds."""

from pathlib import Path

from bes.errors import BesError
from bes.incremental.inputs import Reader, vouchers_of
from bes.incremental.stage import Stage
from bes.incremental.whole import run_once
from bes.report.comparison import Comparison
from bes.report.published import PATH
from bes.report.scores import read_scores
from bes.storage.code_digest import code_digest
from bes.storage.layout import whole_receipt
from bes.storage.memo import digest_of
from bes.storage.vouched import vouched

FILES = ("scores.csv", "table.csv", "table.md", "table.tex", "figure.png")


def run_comparison(
    comparison: Comparison,
    *,
    evaluations: dict[str, Path],
    out: Path,
    code: str | None = None,
) -> None:
    """Write `scores.csv`, a row for each experiment; `table.csv`, `table.md` and `table.tex`, a row
    for those that differ in the seed alone; and `figure.png`. Prints the table.

    `evaluations` holds the folder of each experiment's evaluation. Raises BesError if an experiment
    has no scores.
    """
    paths = {name: evaluations[name] / "scores.json" for name in comparison.experiments}
    for name, path in paths.items():
        if not path.exists():
            raise BesError(
                f"{path}: no such file, expected the scores of {name}; "
                f"`snakemake {comparison.name}` computes them"
            )
    code = code or comparison_code()
    inputs = comparison_inputs(comparison, evaluations=evaluations, code=code)

    def compute() -> dict[str, bytes]:
        folders = evaluations.values()
        with vouched([v for folder in folders for v in vouchers_of({"evaluation": folder}, [])]):
            return _compose(comparison, paths)

    run_once("comparison", out=out, inputs=inputs, compute=compute)
    print((out / "table.md").read_text(encoding="utf-8"), end="")


def comparison_code() -> str:
    """The digest of the code that compares."""
    return code_digest(__name__, PATH)


def comparison_inputs(
    comparison: Comparison,
    *,
    evaluations: dict[str, Path],
    code: str,
    reader: Reader | None = None,
) -> dict[str, str]:
    """What a comparison depends on: name -> digest; raises BesError if scores are missing."""
    reader = reader or Reader()
    scores = {name: reader.vouched(whole_receipt(folder)) for name, folder in evaluations.items()}
    return {"code": code, "comparison": digest_of([comparison.as_json(), scores])}


def _compose(comparison: Comparison, paths: dict[str, Path]) -> dict[str, bytes]:
    from bes.report.comparison_figure import comparison_figure
    from bes.report.comparison_tables import comparison_grid, experiment_grid
    from bes.report.grid import to_csv, to_latex, to_markdown

    scores = {name: read_scores(path) for name, path in paths.items()}
    grid = comparison_grid(comparison, scores)
    return {
        "scores.csv": to_csv(experiment_grid(comparison, scores)),
        "table.csv": to_csv(grid),
        "table.md": to_markdown(grid),
        "table.tex": to_latex(grid),
        "figure.png": comparison_figure(comparison, scores),
    }


STAGE = Stage(name="comparison", reads=("evaluation",), on_demand=True)
