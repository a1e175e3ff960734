"""What each kind of map and label is called where people read of it, and what it shows."""

NAMES = {
    "cams": "CAM",
    "boundary_labels": "boundary label",
    "boundary_maps": "boundary map",
    "revised_maps": "revised map",
    "teacher_labels": "label of the walk",
    "teacher_maps": "teacher's map",
    "revised_teacher_maps": "teacher's revised map",
    "foreground": "foreground prior",
    "regions": "segments",
    "pseudo_labels": "pseudo label",
    "masks": "mask",
    "predictions": "prediction",
}
"""Stage or, of the masks, folder of the page's pictures -> what one of its maps is called."""
MEANINGS = {
    "photographs": "As it was given.",
    "cams": "Where the classifier saw each class, most of all in its telling parts.",
    "boundary_labels": "Where confident regions of the CAM meet: what BENet learns.",
    "boundary_maps": "Where the boundary network sees the boundary of an object.",
    "revised_maps": "The CAM after a random walk, which spreads it and stops at boundaries.",
    "teacher_labels": "What the random walk alone gives: what the teacher learns.",
    "teacher_maps": "Where a segmentation network that learned those labels sees each class.",
    "revised_teacher_maps": "The same, spread by the random walk up to the boundaries.",
    "foreground": "Where a model from outside sees any object.",
    "regions": "Segments from outside; each gets one class.",
    "pseudo_labels": "The result: the revised scores after threshold and dense CRF.",
    "masks": "Drawn by hand; measures the others, and teaches nothing.",
    "predictions": "What the trained segmentation network sees in a photograph new to it.",
}
"""The same, and the photograph, in a sentence."""
