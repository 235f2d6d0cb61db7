"""The lessons of the course in their order: the one list that map, README and tests share."""

from __future__ import annotations

from typing import NamedTuple


class Lesson(NamedTuple):
    """One notebook.

    slug: the name of the notebook without its ending, as in `01_sparse_connectivity`. It also names
        the lesson's questions and tests, and without its number the folder of its code here.
    title: what the notebook has you do, the first half of its heading.
    topic: what it is about, the second half.
    part: `"start"`, `"ideas"`, `"architectures"` or `"synthesis"`.
    gist: the lesson in one short sentence.
    """

    slug: str
    title: str
    topic: str
    part: str
    gist: str

    @property
    def number(self) -> str:
        """The two digits that begin the slug, as in `"01"`."""
        return self.slug[:2]


LESSONS: tuple[Lesson, ...] = (
    Lesson(
        "00_start_here",
        "Start here",
        "how convolutional networks came to look the way they do",
        "start",
        "Check your machine, learn the rhythm.",
    ),
    Lesson(
        "01_sparse_connectivity",
        "Count the arrows",
        "sparse connectivity",
        "ideas",
        "A unit sees a few neighbours.",
    ),
    Lesson(
        "02_parameter_sharing",
        "Share the weights",
        "parameter sharing",
        "ideas",
        "One filter serves every position.",
    ),
    Lesson(
        "03_equivariance",
        "Shift it",
        "equivariance",
        "ideas",
        "Shift the input, the output follows.",
    ),
    Lesson(
        "04_pooling_invariance",
        "Find the seagull",
        "pooling and invariance",
        "ideas",
        "Is it there? And where?",
    ),
    Lesson(
        "05_convolutional_layer",
        "Assemble a layer",
        "convolution, detector, pooling",
        "ideas",
        "Three stages, and any input size.",
    ),
    Lesson(
        "06_vanishing_gradients",
        "Lose the signal",
        "vanishing gradients",
        "ideas",
        "Why depth was out of reach.",
    ),
    Lesson(
        "07_lenet5",
        "Read digits",
        "LeNet-5 (1998)",
        "architectures",
        "60,000 weights read cheques.",
    ),
    Lesson(
        "08_alexnet",
        "Scale it up",
        "AlexNet (2012)",
        "architectures",
        "Eight layers on two GPUs.",
    ),
    Lesson(
        "09_vgg",
        "Stack small filters",
        "VGG (2014)",
        "architectures",
        "Nothing but 3×3, up to 19 layers.",
    ),
    Lesson(
        "10_inception",
        "Branch out",
        "GoogLeNet (2014)",
        "architectures",
        "Many filter sizes, few operations.",
    ),
    Lesson(
        "11_resnet",
        "Add a shortcut",
        "ResNet (2015)",
        "architectures",
        "152 layers that train.",
    ),
    Lesson(
        "12_imagenet_winners",
        "Design your own",
        "the ImageNet winners",
        "synthesis",
        "All side by side; your turn.",
    ),
)
