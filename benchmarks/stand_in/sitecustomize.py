"""Takes the work out of the stages: `python -m bes <stage>` writes files that are valid, no more.

Python imports this module at its start where its folder is in PYTHONPATH; see workflow_scale.py.
"""

import os
import sys

if sys.orig_argv[1:3] == ["-m", "bes"]:
    import dataclasses
    import functools
    import types
    from pathlib import Path

    from bes.incremental import stage as declared
    from bes.incremental.stage import Compute, PerImageStage, Stage, TrainingStage, WholeStage
    from bes.storage.files import write_atomic

    FILES = {path.stem: path.read_bytes() for path in Path(os.environ["STAND_INS"]).iterdir()}
    TABLES = {
        "quality": ("ranking.csv", "suspicious.jpg", "thresholds.jpg"),
        "report": (
            *("page/index.html", "photographs.csv", "scores.csv"),
            *("thresholds.png", "losses.png"),
        ),
    }

    def fit(options: object, run: object) -> object:
        """A network of no layers."""
        from bes.incremental.stage import Trained

        return Trained(FILES["model"], {"backbone": "none"}, [{"lr": 0.1, "total": 1.0}])

    def measure(options: object, run: object) -> dict[str, object]:
        """Figures of no network."""
        precision = dict.fromkeys(("cat", "dog"), 0.5)
        return {"split": "train", "average_precision": precision, "mean_average_precision": 0.5}

    def prepare(name: str, options: object, sources: object) -> Compute:
        """One file for every photograph."""
        return lambda record: FILES[name]

    def compute(name: str, options: object, run: object) -> dict[str, bytes]:
        """Tables and page without content."""
        return dict.fromkeys(TABLES[name], b"-")

    real = declared.stage_of

    @functools.cache
    def stand_in(name: str) -> Stage:
        """A stage without its work."""
        stage = real(name)
        if isinstance(stage, PerImageStage):
            return dataclasses.replace(stage, prepare=functools.partial(prepare, name))
        if isinstance(stage, TrainingStage):
            return dataclasses.replace(stage, fit=fit, measure=stage.measure and measure)  # type: ignore[arg-type]
        if isinstance(stage, WholeStage) and name in TABLES:
            return dataclasses.replace(stage, compute=functools.partial(compute, name))
        return stage

    declared.stage_of = stand_in  # type: ignore[assignment]

    # The package's own module would import torch to write a network.
    checkpoints = types.ModuleType("bes.training.checkpoints")
    checkpoints.save_network = lambda path, network, settings: write_atomic(path, network)  # type: ignore[attr-defined]
    checkpoints.load_settings = lambda path: {"backbone": "none"}  # type: ignore[attr-defined]
    sys.modules[checkpoints.__name__] = checkpoints
