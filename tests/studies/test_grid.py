"""A table says the same in CSV, Markdown and LaTeX."""

import pytest

from bes.report.grid import Grid, Spread, latex_escape, spread_of, to_csv, to_latex, to_markdown

GRID = Grid(
    ("method_a", "mIoU (%)", "published"),
    [("50% | more", Spread(66.46123, 0.5909, 10), "66.4"), ("one", Spread(49.6, None, 1), "")],
    "A note.",
    breaks=[1],
)


def test_mean_and_sample_deviation_of_the_ten_published_seeds() -> None:
    seeds = [66.2, 66.5, 66.2, 66.4, 66.4, 67.9, 66.0, 66.7, 65.7, 66.6]
    spread = spread_of(seeds)
    # Squared deviations from 66.46 add up to 3.084: sqrt(3.084 / 9).
    assert spread == Spread(pytest.approx(66.46), pytest.approx(0.58538, abs=1e-5), 10)


def test_one_run_has_no_deviation() -> None:
    assert spread_of([66.9]) == Spread(66.9, None, 1)


def test_a_mean_over_some_of_the_seeds_is_none() -> None:
    assert spread_of([66.9, None]) is None
    assert spread_of([]) is None


def test_csv_has_mean_sd_and_n_in_columns_of_their_own() -> None:
    assert to_csv(GRID).decode() == (
        "method_a,mIoU (%),mIoU (%) SD,mIoU (%) n,published\n"
        "50% | more,66.4612,0.5909,10,66.4\n"
        "one,49.6,,1,\n"
    )


def test_markdown_keeps_bars_within_their_cell() -> None:
    assert to_markdown(GRID).decode() == (
        "| method_a | mIoU (%) | published |\n"
        "| --- | ---: | --- |\n"
        "| 50% \\| more | 66.46 ± 0.59 | 66.4 |\n"
        "| one | 49.60 |  |\n"
        "\nA note.\n"
    )


def test_latex_is_a_tabular_of_booktabs() -> None:
    assert to_latex(GRID).decode().splitlines() == [
        "% A note.",
        r"\begin{tabular}{lrl}",
        r"\toprule",
        r"method\_a & mIoU (\%) & published \\",
        r"\midrule",
        r"50\% | more & $66.46 \pm 0.59$ & 66.4 \\",
        r"\midrule",
        r"one & $49.60$ &  \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_latex_prints_special_characters_as_they_are() -> None:
    escaped = r"\textbackslash{} \& \% \$ \# \_ \{ \} \textasciitilde{} \textasciicircum{}"
    assert latex_escape(r"\ & % $ # _ { } ~ ^") == escaped
