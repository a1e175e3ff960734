"""BES: weakly supervised semantic segmentation with boundary exploration."""

__version__ = "0.1.0"
