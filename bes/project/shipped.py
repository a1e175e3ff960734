"""Where the workflow's own rules and configurations lie: beside the package in a checkout, inside
of it where it is installed."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1]
SHIPPED = PACKAGE / "shipped" if (PACKAGE / "shipped").is_dir() else PACKAGE.parent
"""The folder that holds `workflow`, `config`, `profiles` and `envs`; see setup.py."""

DEFAULT_CONFIG = Path("config/config.yaml")
"""The configuration where none is named, as for Snakemake."""


def found(path: Path) -> Path:
    """A file as it is named, or the workflow's own of that name where there is none: so
    `config/photographs.yaml` can be named in any folder."""
    own = SHIPPED / path
    return own if not path.exists() and own.exists() else path
