"""The lessons of the course in their order: the one list that map, README and tests share."""

from __future__ import annotations

from typing import NamedTuple


class Lesson(NamedTuple):
    """One notebook; the first line of its heading is `title: topic`: what you do, what it is about.

    slug: the name of the notebook without its ending, as in `01_sparse_connectivity`. It also names
        the lesson's questions and tests, and without its number the folder of its code here.
    part: `"start"`, `"ideas"`, `"architectures"` or `"synthesis"`.
    """

    slug: str
    title: str
    topic: str
    part: str

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
    ),
    Lesson("01_sparse_connectivity", "Count the arrows", "sparse connectivity", "ideas"),
    Lesson("02_parameter_sharing", "Share the weights", "parameter sharing", "ideas"),
    Lesson("03_equivariance", "Shift it", "equivariance", "ideas"),
    Lesson("04_pooling_invariance", "Find the seagull", "pooling and invariance", "ideas"),
    Lesson("05_convolutional_layer", "Assemble a layer", "convolution, detector, pooling", "ideas"),
    Lesson("06_vanishing_gradients", "Lose the signal", "vanishing gradients", "ideas"),
    Lesson("07_lenet5", "Read digits", "LeNet-5 (1998)", "architectures"),
    Lesson("08_alexnet", "Scale it up", "AlexNet (2012)", "architectures"),
    Lesson("09_vgg", "Stack small filters", "VGG (2014)", "architectures"),
    Lesson("10_inception", "Branch out", "GoogLeNet (2014)", "architectures"),
    Lesson("11_resnet", "Add a shortcut", "ResNet (2015)", "architectures"),
    Lesson("12_imagenet_winners", "Design your own", "the ImageNet winners", "synthesis"),
)
