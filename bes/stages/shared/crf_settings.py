"""The dense CRF as the options of a stage set it: `crf`, and those that begin with `crf_`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bes.method.dense_crf import DenseCrfSettings


def crf_settings(options: Any) -> "DenseCrfSettings | None":
    """The settings of the dense CRF, each by the option of its name; None if it is not to be
    used."""
    from bes.method.dense_crf import DenseCrfSettings

    if not options.crf:
        return None
    names = [name for name in vars(options) if name.startswith("crf_")]
    given = {name.removeprefix("crf_"): getattr(options, name) for name in names}
    return DenseCrfSettings(**given, pydensecrf=options.crf == "pydensecrf")
