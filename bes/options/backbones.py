"""Names of the backbones, to check a configuration against; what a name means, the builder says."""

from bes.options.declared import Names

BACKBONES = ("resnet18", "resnet50", "resnet101", "vgg16", "mobilenet_v2")
TIMM = "timm:"
BACKBONE = Names(BACKBONES, prefix=TIMM)
