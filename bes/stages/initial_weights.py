"""Weights `classifier`: a training that starts from the backbone of the trained classifier."""

from pathlib import Path
from typing import TYPE_CHECKING

from bes.data.layout import model_file

if TYPE_CHECKING:
    import torch


def classifier_backbone(folder: Path) -> "tuple[str, dict[str, torch.Tensor]]":
    """The name of the classifier's backbone and its state dict, from the stage's folder."""
    from bes.engine.checkpoints import load_settings, load_weights
    from bes.networks.classifier import build_classifier

    settings = load_settings(model_file(folder))
    classifier = build_classifier(settings, "none")
    load_weights(model_file(folder), classifier)
    return settings["backbone"], classifier.backbone.state_dict()
