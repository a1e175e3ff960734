"""Networks that start from weights of their own or from the backbone of the trained classifier."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bes.storage.layout import model_file


def build_from(
    build: Callable[[dict[str, Any], str], Any],
    settings: dict[str, Any],
    *,
    weights: str,
    classifier: Path | None,
) -> tuple[Any, dict[str, Any]]:
    """Build a network with its initial weights; returns it with the settings that rebuild it.

    `weights` is that of `build_backbone`, or `classifier`: then backbone and weights are those of
    the network in the folder `classifier`, whatever the settings name.
    """
    if weights != "classifier":
        return build(settings, weights), settings
    from bes.networks.classifier import build_classifier
    from bes.training.checkpoints import load_settings, load_weights

    assert classifier is not None, "weights of the classifier, but no classifier is read"
    path = model_file(classifier)
    trained_settings = load_settings(path)
    trained = build_classifier(trained_settings, "none")
    load_weights(path, trained)
    settings = settings | {"backbone": trained_settings["backbone"]}
    network = build(settings, "none")
    network.backbone.load_state_dict(trained.backbone.state_dict())
    return network, settings
