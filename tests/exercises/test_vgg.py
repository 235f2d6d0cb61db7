"""The exercises of notebook 09: solutions against torch and the networks, other ways to write."""

import torch
from torch import nn

from course_utils.lessons.vgg import exercises as module
from course_utils.models.vgg import CONFIGURATIONS, VGG


def test_stack_weights_equal_those_of_torch_layers():
    for kernel, layers, in_maps, maps in module.STACK_WEIGHTS.cases():
        inputs = [in_maps] + [maps] * (layers - 1)
        with torch.device("meta"):
            convs = [nn.Conv2d(n, maps, kernel, bias=False) for n in inputs]
        counted = sum(conv.weight.numel() for conv in convs)
        assert module.stack_weights(kernel, layers, in_maps, maps) == counted


def pairs(configuration):
    """The blocks of (kernel, maps) of a column of Table 1."""
    items = ([item for item in block if item != "LRN"] for block in CONFIGURATIONS[configuration])
    return [
        [tuple(map(int, item.removeprefix("conv").split("-"))) for item in block] for block in items
    ]


def test_parameters_equal_those_of_the_networks():
    for name in CONFIGURATIONS:
        for side, classes in ((224, 1000), (64, 10)):
            with torch.device("meta"):
                net = VGG(name, classes, input_size=side)
            counted = sum(parameter.numel() for parameter in net.parameters())
            assert module.count_parameters(pairs(name), side, 4096, classes) == counted


def test_the_fixed_inputs_are_the_papers():
    fixed = [case[0] for case in module.COUNT_PARAMETERS.fixed[:3]]
    assert fixed == [pairs("A"), pairs("C"), pairs("D")]
    assert module.count_parameters(fixed[2], 224, 4096, 1000) == 138_357_544


def test_random_inputs_can_be_pooled():
    for blocks, side, hidden, classes in module.COUNT_PARAMETERS.cases():
        assert side % 2 ** len(blocks) == 0
        assert hidden >= 1 and classes >= 2
        assert all(kernel in (1, 3) and maps >= 1 for block in blocks for kernel, maps in block)


def test_students_other_ways_to_write_it_pass():
    def closed(kernel, layers, in_maps, maps):
        return kernel**2 * maps * (in_maps + (layers - 1) * maps)

    def by_torch(blocks, side, hidden, classes):
        layers, inputs = [], 3
        with torch.device("meta"):
            for kernel, maps in (pair for block in blocks for pair in block):
                layers.append(nn.Conv2d(inputs, maps, kernel))
                inputs = maps
            sizes = [inputs * (side >> len(blocks)) ** 2, hidden, hidden, classes]
            layers += [nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False)]
        return sum(p.numel() for layer in layers for p in layer.parameters())

    assert module.check_stack_weights(closed).state == "passed"
    assert module.check_count_parameters(by_torch).state == "passed"
