"""A backbone for tests in which any will do."""

SMALL_NETWORK = "timm:test_resnet"
"""A residual network of 1.5 MB, where ResNet-18 has 45: to draw, write, read and digest weights is
what takes time in small trainings."""
