"""Shape arithmetic against PyTorch, against enumeration, and against published receptive fields."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.geometry import (
    Layer,
    ReceptiveField,
    cone,
    edge_count,
    edges,
    layer_sizes,
    output_size,
    receptive_field,
    receptive_fields,
)

CASES = {
    "n": st.integers(1, 24),
    "kernel": st.integers(1, 7),
    "stride": st.integers(1, 5),
    "padding": st.integers(0, 8),
    "dilation": st.integers(1, 4),
}
LAYER = st.builds(Layer, st.integers(1, 5), st.integers(1, 3), st.integers(0, 3), st.integers(1, 3))
THOUSANDS = settings(max_examples=2000, derandomize=True, deadline=None)


def ones_conv(x, kernel, stride, padding, dilation):
    weights = torch.ones(1, 1, kernel, dtype=x.dtype)
    return torch.nn.functional.conv1d(
        x.view(1, 1, -1), weights, stride=stride, padding=padding, dilation=dilation
    ).view(-1)


def jacobian(n, kernel, stride, padding, dilation):
    """(outputs, inputs) of torch's convolution with all-ones weights, from the unit vectors."""
    weights = torch.ones(1, 1, kernel)
    columns = torch.nn.functional.conv1d(
        torch.eye(n).unsqueeze(1), weights, stride=stride, padding=padding, dilation=dilation
    )
    return columns.squeeze(1).T


# One layer -----------------------------------------------------------------------------------


@THOUSANDS
@given(**CASES)
def test_output_size_equals_torch(n, kernel, stride, padding, dilation):
    try:
        expected = len(ones_conv(torch.zeros(n), kernel, stride, padding, dilation))
    except RuntimeError as error:
        assert "Kernel size can't be greater than actual input size" in str(error)
        for function in (output_size, edges, edge_count):
            with pytest.raises(ValueError, match="larger than the padded input"):
                function(n, kernel, stride, padding, dilation)
    else:
        assert output_size(n, kernel, stride, padding, dilation) == expected


@THOUSANDS
@given(**CASES)
def test_edges_are_the_nonzeros_of_the_jacobian(n, kernel, stride, padding, dilation):
    if dilation * (kernel - 1) + 1 > n + 2 * padding:
        return  # refused, see test_output_size_equals_torch
    matrix = jacobian(n, kernel, stride, padding, dilation)
    pairs = edges(n, kernel, stride, padding, dilation)
    expected = [(i, o) for o, i in matrix.nonzero().tolist()]
    assert pairs == expected  # the order too: by output, then by input
    assert edge_count(n, kernel, stride, padding, dilation) == len(pairs)


def test_jacobian_by_autograd_is_the_same_matrix():
    matrix = torch.autograd.functional.jacobian(lambda x: ones_conv(x, 3, 2, 1, 2), torch.zeros(9))
    assert torch.equal(matrix, jacobian(9, 3, 2, 1, 2))


@settings(max_examples=1000, derandomize=True, deadline=None)
@given(
    n=st.integers(1, 400),
    kernel=st.integers(1, 30),
    stride=st.integers(1, 40),
    padding=st.integers(0, 60),
    dilation=st.integers(1, 20),
)
def test_edge_count_agrees_with_edges_far_from_ordinary(n, kernel, stride, padding, dilation):
    if dilation * (kernel - 1) + 1 > n + 2 * padding:
        return
    arguments = (n, kernel, stride, padding, dilation)
    assert edge_count(*arguments) == len(edges(*arguments))


def test_the_lectures_thirteen_arrows():
    assert output_size(5, 3, padding=1) == 5
    assert edge_count(5, 3, padding=1) == 3 * 5 - 2 == 13
    assert edges(5, 3, padding=1)[:5] == [(0, 0), (1, 0), (0, 1), (1, 1), (2, 1)]
    assert edge_count(5, 9, padding=4) == 25  # every input reaches every output: dense


def test_the_edge_detector_of_goodfellow_figure_9_6():
    assert output_size(320, 2) * 280 == 319 * 280
    assert edge_count(320, 2) * 280 == 178_640  # non-zeros of the sparse matrix
    assert edge_count(10**12, 3, padding=1) == 3 * 10**12 - 2  # no enumeration


BAD = [
    ({"n": 0}, "n must be an integer >= 1, got 0"),
    ({"n": -5}, "n must be an integer >= 1, got -5"),
    ({"n": 5.0}, "n must be an integer >= 1, got 5.0"),
    ({"kernel": 0}, "kernel must be an integer >= 1, got 0"),
    ({"kernel": True}, "kernel must be an integer >= 1, got True"),
    ({"kernel": "3"}, "kernel must be an integer >= 1, got '3'"),
    ({"stride": 0}, "stride must be an integer >= 1, got 0"),
    ({"stride": None}, "stride must be an integer >= 1, got None"),
    ({"padding": -1}, "padding must be an integer >= 0, got -1"),
    ({"padding": 0.5}, "padding must be an integer >= 0, got 0.5"),
    ({"dilation": 0}, "dilation must be an integer >= 1, got 0"),
    ({"dilation": float("nan")}, "dilation must be an integer >= 1, got nan"),
    ({"kernel": 8, "padding": 1}, "kernel 8 is larger than the padded input: 5 + 2 * 1 = 7 units"),
    (
        {"dilation": 4},
        "kernel 3 with dilation 4 covers 9 units and is larger than the padded input: "
        "5 + 2 * 0 = 5 units; allowed is a kernel that covers <= 5",
    ),
]


@pytest.mark.parametrize("function", [output_size, edges, edge_count])
@pytest.mark.parametrize(("changes", "message"), BAD, ids=[str(case) for case, _ in BAD])
def test_bad_arguments_are_named(function, changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        function(**({"n": 5, "kernel": 3} | changes))


def test_numpy_integers_are_integers():
    assert output_size(np.int64(5), np.uint8(3), padding=np.int32(1)) == 5
    assert all(type(i) is int for pair in edges(np.int64(5), np.int8(3)) for i in pair)
    with pytest.raises(ValueError, match="n must be an integer >= 1, got"):
        output_size(np.bool_(True), 1)


# Stacks --------------------------------------------------------------------------------------

CONV3 = (3, 1)
POOL = (2, 2)
ALEXNET = [(11, 4), (3, 2), (5, 1), (3, 2), CONV3, CONV3, CONV3, (3, 2), (6, 1)]


def vgg(*stages, last=()):
    """Convolution counts per stage, each stage closed by a 2 x 2 pooling; `last`: a 1 x 1 layer."""
    layers = []
    for index, count in enumerate(stages):
        layers += [CONV3] * count + ([(1, 1)] if index in last else []) + [POOL]
    return layers


def basic_blocks(*counts, first_stride):
    layers = []
    for index, count in enumerate(counts):
        stride = 2 if index else first_stride
        layers += [(3, stride), CONV3] + [CONV3, CONV3] * (count - 1)
    return layers


def bottlenecks(*counts, stride_on):
    """Bottleneck blocks; the first of a later stage has stride 2 on its 1 x 1 or its 3 x 3."""
    layers = []
    for index, count in enumerate(counts):
        for block in range(count):
            stride = 2 if index and block == 0 else 1
            strides = (stride, 1) if stride_on == "1x1" else (1, stride)
            layers += [(1, strides[0]), (3, strides[1]), (1, 1)]
    return layers


STEM = [(7, 2), (3, 2)]
GOOGLENET = STEM + [(1, 1), CONV3, (3, 2)]
MODULE, NARROW = (5, 1), CONV3  # widest branch of an Inception module: paper, torchvision

# (size, jump) of the last layer. The numbers follow from the layer tables of LeCun et al. 1998,
# Krizhevsky et al. 2012, Simonyan and Zisserman 2014 (table 1), Szegedy et al. 2014 (table 1),
# He et al. 2015 (table 1, section 4.2), and were measured as gradient support on real models.
# 195, 163, 212, 483, 1027 and 1507 also stand in the table of Araujo, Norris and Sim (2019).
STACKS = {
    "LeNet-5, C5": ([(5, 1), POOL, (5, 1), POOL, (5, 1)], 32, 4),
    "AlexNet, conv5": (ALEXNET[:7], 163, 16),
    "AlexNet, pool5": (ALEXNET[:8], 195, 32),
    "AlexNet, fc6": (ALEXNET, 355, 32),
    "VGG A, pool5": (vgg(1, 1, 2, 2, 2), 150, 32),
    "VGG A, fc6": (vgg(1, 1, 2, 2, 2) + [(7, 1)], 342, 32),
    "VGG B, conv5_2": (vgg(2, 2, 2, 2, 2)[:-1], 140, 16),
    "VGG B, fc6": (vgg(2, 2, 2, 2, 2) + [(7, 1)], 348, 32),
    "VGG C, fc6": (vgg(2, 2, 2, 2, 2, last=(2, 3, 4)) + [(7, 1)], 348, 32),
    "VGG D, conv5_3": (vgg(2, 2, 3, 3, 3)[:-1], 196, 16),
    "VGG D, pool5": (vgg(2, 2, 3, 3, 3), 212, 32),
    "VGG D, fc6": (vgg(2, 2, 3, 3, 3) + [(7, 1)], 404, 32),
    "VGG E, conv5_4": (vgg(2, 2, 4, 4, 4)[:-1], 252, 16),
    "VGG E, fc6": (vgg(2, 2, 4, 4, 4) + [(7, 1)], 460, 32),
    "GoogLeNet, 3b": (GOOGLENET + [MODULE] * 2, 91, 8),
    "GoogLeNet, 4e": (GOOGLENET + [MODULE] * 2 + [(3, 2)] + [MODULE] * 5, 427, 16),
    "GoogLeNet, 5b": (
        GOOGLENET + [MODULE] * 2 + [(3, 2)] + [MODULE] * 5 + [(3, 2)] + [MODULE] * 2,
        715,
        32,
    ),
    "GoogLeNet of torchvision, 5b": (
        GOOGLENET + [NARROW] * 2 + [(3, 2)] + [NARROW] * 5 + [POOL] + [NARROW] * 2,
        379,
        32,
    ),
    "ResNet-18": (STEM + basic_blocks(2, 2, 2, 2, first_stride=1), 435, 32),
    "ResNet-34": (STEM + basic_blocks(3, 4, 6, 3, first_stride=1), 899, 32),
    "ResNet-50": (STEM + bottlenecks(3, 4, 6, 3, stride_on="1x1"), 483, 32),
    "ResNet-50 v1.5": (STEM + bottlenecks(3, 4, 6, 3, stride_on="3x3"), 427, 32),
    "ResNet-101": (STEM + bottlenecks(3, 4, 23, 3, stride_on="1x1"), 1027, 32),
    "ResNet-101 v1.5": (STEM + bottlenecks(3, 4, 23, 3, stride_on="3x3"), 971, 32),
    "ResNet-152": (STEM + bottlenecks(3, 8, 36, 3, stride_on="1x1"), 1507, 32),
    "ResNet-152 v1.5": (STEM + bottlenecks(3, 8, 36, 3, stride_on="3x3"), 1451, 32),
    "CIFAR ResNet-20": ([CONV3] + basic_blocks(3, 3, 3, first_stride=1), 81, 4),
    "CIFAR ResNet-56": ([CONV3] + basic_blocks(9, 9, 9, first_stride=1), 249, 4),
    "CIFAR ResNet-110": ([CONV3] + basic_blocks(18, 18, 18, first_stride=1), 501, 4),
}


@pytest.mark.parametrize(("layers", "size", "jump"), STACKS.values(), ids=STACKS.keys())
def test_published_networks(layers, size, jump):
    assert receptive_field(layers) == size
    assert receptive_fields(layers)[-1][:2] == (size, jump)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (
            [(5, 1), POOL, (5, 1), POOL, (5, 1)],  # LeNet-5: C1, S2, C3, S4, C5
            [(5, 1), (6, 2), (14, 2), (16, 4), (32, 4)],
        ),
        (
            ALEXNET,  # conv1, pool1, conv2, pool2, conv3, conv4, conv5, pool5, fc6
            [(11, 4), (19, 8), (51, 8), (67, 16), (99, 16), (131, 16), (163, 16), (195, 32)]
            + [(355, 32)],
        ),
        (
            vgg(2, 2, 3, 3, 3)[:10],  # VGG D, conv1_1 to pool3
            [(3, 1), (5, 1), (6, 2), (10, 2), (14, 2), (16, 4), (24, 4), (32, 4), (40, 4), (44, 8)],
        ),
    ],
    ids=["LeNet-5", "AlexNet", "VGG D"],
)
def test_every_layer_of_a_published_network(layers, expected):
    assert [field[:2] for field in receptive_fields(layers)] == expected


def support(layers, n, unit):
    """Inputs with a non-zero gradient at one unit of the last layer, by torch."""
    x = torch.zeros(n, dtype=torch.float64, requires_grad=True)
    y = x
    for layer in layers:
        y = ones_conv(y, *layer)
    y[unit].backward()
    return tuple(x.grad.nonzero().view(-1).tolist())


@settings(max_examples=1000, derandomize=True, deadline=None)
@given(layers=st.lists(LAYER, max_size=4), data=st.data())
def test_fields_and_cones_are_the_gradient_support(layers, data):
    n = data.draw(st.integers(1, 40))
    try:
        sizes = layer_sizes(n, layers)
    except ValueError:
        return  # the stack does not fit; test_a_layer_that_does_not_fit_is_named
    unit = data.draw(st.integers(0, sizes[-1] - 1))
    levels = cone(unit, layers, n)
    assert levels[0] == support(layers, n, unit)
    assert levels[-1] == (unit,)
    assert [bool(level) for level in levels] == sorted(bool(level) for level in levels)
    for above, (below, size) in enumerate(zip(levels[:-1], sizes, strict=False)):
        arrows = edges(size, *layers[above])
        assert below == tuple(sorted({i for i, o in arrows if o in levels[above + 1]}))

    if layers and levels[0]:  # the recurrence, clipped at the borders, bounds the cone
        field = receptive_fields(layers)[-1]
        first = field.start + unit * field.jump
        assert first <= levels[0][0]
        assert levels[0][-1] <= first + field.size - 1


@settings(max_examples=500, derandomize=True, deadline=None)
@given(layers=st.lists(LAYER, min_size=1, max_size=4))
def test_receptive_field_is_the_gradient_support_without_borders(layers):
    layers = [layer._replace(padding=0) for layer in layers]
    field = receptive_fields(layers)[-1]
    n = field.size + 2 * field.jump  # just room for three units
    for unit in range(3):
        seen = support(layers, n, unit)
        assert (seen[0], seen[-1]) == (unit * field.jump, unit * field.jump + field.size - 1)


def test_padding_moves_the_start_only():
    padded = receptive_fields([(3, 2, 1, 1), (5, 1, 2, 2)])
    assert padded == [ReceptiveField(3, 2, -1), ReceptiveField(19, 2, -5)]
    assert receptive_fields([(3, 2), (5, 1, 2)])[-1] == ReceptiveField(19, 2, 0)


def test_a_stride_enlarges_the_fields_above_it_and_not_its_own():
    assert receptive_field([(3, 1)]) == receptive_field([(3, 2)]) == 3
    assert receptive_field([(3, 1), (3, 1)]) == 5
    assert receptive_field([(3, 2), (3, 1)]) == 7


def test_small_stacks_equal_large_kernels():
    assert receptive_field([]) == 1
    assert receptive_fields([]) == []
    assert receptive_field([CONV3] * 2) == 5
    assert receptive_field([CONV3] * 3) == 7
    assert receptive_field([(3, 1, 4)]) == 9


def test_cone_of_a_small_pyramid():
    layers = [Layer(3, padding=1)] * 2
    assert cone(2, layers, 5) == [(0, 1, 2, 3, 4), (1, 2, 3), (2,)]
    assert cone(0, layers, 5) == [(0, 1, 2), (0, 1), (0,)]
    assert cone(4, layers, 5, level=1) == [(3, 4), (4,)]
    assert cone(3, layers, 5, level=0) == [(3,)]
    assert cone(1, [], 5) == [(1,)]


def test_cone_keeps_the_gaps_of_dilation_and_stride():
    assert cone(0, [Layer(3, dilation=2)], 5) == [(0, 2, 4), (0,)]
    assert cone(0, [Layer(1, stride=2), Layer(2)], 5) == [(0, 2), (0, 1), (0,)]


def test_cone_of_a_unit_that_sees_padding_only():
    assert cone(0, [Layer(1, padding=1)], 3) == [(), (0,)]


def test_layer_sizes():
    assert layer_sizes(32, [(5, 1, 0, 1), (2, 2, 0, 1), (5, 1, 0, 1)]) == [32, 28, 14, 10]
    assert layer_sizes(7, []) == [7]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: receptive_field([3]), "layers must be a list of (kernel, stride)"),
        (lambda: receptive_field(None), "layers must be a list of (kernel, stride)"),
        (lambda: receptive_field([(3,)]), "layers[0] must be (kernel, stride)"),
        (lambda: receptive_field([CONV3, (3, 0)]), "layers[1] stride must be an integer >= 1"),
        (lambda: receptive_field([(3, 1, 0)]), "layers[0] dilation must be an integer >= 1, got 0"),
        (lambda: receptive_field([(3.0, 1)]), "layers[0] kernel must be an integer >= 1, got 3.0"),
        (lambda: receptive_fields([(3, 1, -1, 1)]), "layers[0] padding must be an integer >= 0"),
        (lambda: layer_sizes(5, [(3, 1)]), "layers[0] must be (kernel, stride, padding, dilation)"),
        (lambda: layer_sizes(5, [(3, 1, 1)]), "layers[0] must be (kernel, stride, padding"),
        (lambda: layer_sizes(0, []), "n must be an integer >= 1, got 0"),
        (lambda: cone(3, [Layer(3)], 5), "unit must be an integer from 0 to 2, got 3"),
        (lambda: cone(-1, [Layer(3)], 5), "unit must be an integer from 0 to 2, got -1"),
        (lambda: cone(0.0, [Layer(3)], 5), "unit must be an integer from 0 to 2, got 0.0"),
        (lambda: cone(0, [Layer(3)], 5, level=2), "level must be an integer from 0 to 1, got 2"),
        (lambda: cone(0, [Layer(3)], 5, level=-1), "level must be an integer from 0 to 1, got -1"),
    ],
)
def test_bad_stacks_are_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_a_layer_that_does_not_fit_is_named():
    message = "layers[1]: kernel 5 is larger than the padded input: 4 + 2 * 0 = 4 units"
    with pytest.raises(ValueError, match=re.escape(message)):
        layer_sizes(9, [Layer(3, stride=2), Layer(5)])
