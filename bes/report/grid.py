"""A table of texts and figures, as CSV, Markdown and LaTeX."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from bes.data import spreadsheet


@dataclass(frozen=True)
class Spread:
    """Values of a few runs that differ in the seed alone."""

    mean: float
    sd: float | None
    """Sample standard deviation (divisor n - 1); None for one run."""
    n: int


Cell = str | float | Spread | None


@dataclass(frozen=True)
class Grid:
    """Rows below the names of the columns; a figure is a float or a `Spread`."""

    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    note: str = ""
    """A sentence about the whole table."""
    digits: int = 2
    """Decimals in Markdown and LaTeX; CSV has four."""
    breaks: list[int] = field(default_factory=list)
    """Rows that LaTeX draws a line above."""


def spread_of(values: Sequence[float | None]) -> Spread | None:
    """Mean and standard deviation; None where a value is missing or there are none."""
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    sd = statistics.stdev(known) if len(known) > 1 else None
    return Spread(statistics.fmean(known), sd, len(known))


def to_csv(grid: Grid) -> bytes:
    """UTF-8; a column with spreads is three: mean, SD and n."""
    spreads = {
        index for row in grid.rows for index, cell in enumerate(row) if isinstance(cell, Spread)
    }
    header: list[str] = []
    for index, name in enumerate(grid.columns):
        header += [name, f"{name} SD", f"{name} n"] if index in spreads else [name]
    table: list[list[Cell]] = [[*header]]
    for row in grid.rows:
        cells: list[Cell] = []
        for index, cell in enumerate(row):
            if isinstance(cell, Spread):
                cells += [_round(cell.mean), _round(cell.sd), cell.n]
            else:
                cells += [_round(cell), *([None, None] if index in spreads else [])]
        table.append(cells)
    return spreadsheet.to_csv(table).encode()


def to_markdown(grid: Grid) -> bytes:
    """UTF-8, columns of figures to the right; an SD follows its mean after ±."""
    sides = ["---:" if right else "---" for right in _right(grid)]
    lines = [_markdown_row(grid.columns), _markdown_row(sides, literal=True)]
    lines += [_markdown_row([_text(cell, grid.digits, " ± ") for cell in row]) for row in grid.rows]
    return "\n".join([*lines, *(["", grid.note] if grid.note else []), ""]).encode()


def to_latex(grid: Grid) -> bytes:
    """A `tabular` for the packages booktabs and inputenc (UTF-8); the note is a comment."""
    import pandas

    frame = pandas.DataFrame(
        [[_latex_cell(cell, grid.digits) for cell in row] for row in grid.rows],
        columns=[latex_escape(name) for name in grid.columns],
    )
    sides = "".join("r" if right else "l" for right in _right(grid))
    lines = frame.to_latex(index=False, escape=False, column_format=sides).splitlines()
    rows = lines.index(r"\midrule") + 1
    for index in sorted(set(grid.breaks) - {0}, reverse=True):
        lines.insert(rows + index, r"\midrule")
    return "\n".join([*([f"% {grid.note}"] if grid.note else []), *lines, ""]).encode()


def latex_escape(text: str) -> str:
    """Text whose special characters LaTeX prints as they are."""
    return text.translate(_LATEX)


_LATEX = str.maketrans(
    {character: rf"\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
)


def _right(grid: Grid) -> list[bool]:
    """Which columns hold figures."""
    return [
        any(isinstance(row[index], float | Spread) for row in grid.rows)
        for index in range(len(grid.columns))
    ]


def _text(cell: Cell, digits: int, plus_minus: str) -> str:
    if isinstance(cell, Spread):
        sd = "" if cell.sd is None else f"{plus_minus}{cell.sd:.{digits}f}"
        return f"{cell.mean:.{digits}f}{sd}"
    if isinstance(cell, str):
        return cell
    return "" if cell is None else f"{cell:.{digits}f}"


def _latex_cell(cell: Cell, digits: int) -> str:
    if isinstance(cell, str):
        return latex_escape(cell)
    text = _text(cell, digits, r" \pm ")
    return f"${text}$" if text else ""


def _markdown_row(cells: Sequence[str], *, literal: bool = False) -> str:
    shown = cells if literal else [cell.replace("|", r"\|") for cell in cells]
    return "| " + " | ".join(shown) + " |"


def _round(cell: Cell) -> Cell:
    return round(cell, 4) if isinstance(cell, float) else cell
