"""Shape arithmetic against PyTorch, and against published receptive fields."""

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

LAYER = st.builds(Layer, st.integers(1, 5), st.integers(1, 3), st.integers(0, 3), st.integers(1, 3))


def examples(number):
    return settings(max_examples=number, derandomize=True, deadline=None)


def jacobian(n, layers):
    """(outputs, inputs) of a stack of torch's all-ones convolutions, from the unit vectors."""
    y = torch.eye(n, dtype=torch.float64).unsqueeze(1)
    for kernel, *steps in layers:
        y = torch.nn.functional.conv1d(y, torch.ones(1, 1, kernel, dtype=y.dtype), None, *steps)
    return y.squeeze(1).T


# One layer -----------------------------------------------------------------------------------


@examples(2000)
@given(
    n=st.integers(1, 24),
    kernel=st.integers(1, 9),
    stride=st.integers(1, 12),
    padding=st.integers(0, 12),
    dilation=st.integers(1, 5),
)
def test_sizes_and_arrows_are_those_of_torchs_jacobian(n, kernel, stride, padding, dilation):
    layer = (kernel, stride, padding, dilation)
    try:
        matrix = jacobian(n, [layer])
    except RuntimeError as error:
        assert "Kernel size can't be greater than actual input size" in str(error)
        for function in (output_size, edges, edge_count):
            with pytest.raises(ValueError, match="larger than the padded input"):
                function(n, *layer)
        return
    pairs = [(i, o) for o, i in matrix.nonzero().tolist()]  # by output, then by input
    assert output_size(n, *layer) == len(matrix)
    assert edges(n, *layer) == pairs and edge_count(n, *layer) == len(pairs)


def test_the_numbers_of_the_lecture_and_of_goodfellow_figure_9_6():
    assert edge_count(5, 3, padding=1) == 3 * 5 - 2 == 13
    assert edge_count(5, 9, padding=4) == 25  # every input reaches every output: dense
    assert edge_count(320, 2) * 280 == 178_640  # non-zeros of the sparse matrix
    assert edge_count(10**12, 3, padding=1) == 3 * 10**12 - 2  # no enumeration


@pytest.mark.parametrize("function", [output_size, edges, edge_count])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n": 0}, "n must be an integer >= 1, got 0"),
        ({"n": 5.0}, "n must be an integer >= 1, got 5.0"),
        ({"n": np.bool_(True)}, "n must be an integer >= 1, got"),
        ({"kernel": True}, "kernel must be an integer >= 1, got True"),
        ({"stride": None}, "stride must be an integer >= 1, got None"),
        ({"padding": -1}, "padding must be an integer >= 0, got -1"),
        ({"dilation": "1"}, "dilation must be an integer >= 1, got '1'"),
        ({"kernel": 8, "padding": 1}, "kernel 8 is larger than the padded input: 5 + 2 * 1 = 7"),
        ({"dilation": 4}, "kernel 3 with dilation 4 covers 9 units and is larger than the padded"),
        ({"dilation": 3}, "5 + 2 * 0 = 5 units; allowed is a kernel that covers <= 5"),
    ],
)
def test_bad_arguments_are_named(function, changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        function(**({"n": 5, "kernel": 3} | changes))


def test_numpy_integers_are_integers():
    assert output_size(np.int64(5), np.uint8(3), padding=np.int32(1)) == 5
    assert all(type(i) is int for pair in edges(np.int64(5), np.int8(3)) for i in pair)


# Stacks --------------------------------------------------------------------------------------


@examples(1000)
@given(layers=st.lists(LAYER, max_size=4), n=st.integers(1, 40), data=st.data())
def test_fields_and_cones_are_what_reaches_a_unit_in_torchs_jacobian(layers, n, data):
    try:
        sizes = layer_sizes(n, layers)
    except ValueError:
        return  # the stack does not fit; test_bad_stacks_are_named
    unit = data.draw(st.integers(0, sizes[-1] - 1))
    levels = cone(unit, layers, n)
    for level, size in enumerate(sizes):
        matrix = jacobian(size, layers[level:])
        assert matrix.shape == (sizes[-1], size)
        assert levels[level] == tuple(matrix[unit].nonzero().view(-1).tolist())
    if layers and levels[0]:  # the field, clipped at the borders, bounds the cone
        field = receptive_fields(layers)[-1]
        first = field.start + unit * field.jump
        assert first <= levels[0][0]
        assert levels[0][-1] <= first + field.size - 1


@examples(300)
@given(layers=st.lists(LAYER, min_size=1, max_size=4))
def test_fields_are_exact_without_borders(layers):
    layers = [layer._replace(padding=0) for layer in layers]
    size, jump, start = receptive_fields(layers)[-1]
    assert (start, receptive_field(layers)) == (0, size)
    for unit, row in enumerate(jacobian(size + 2 * jump, layers)[:3]):  # just room for three
        seen = row.nonzero().view(-1).tolist()
        assert (seen[0], seen[-1]) == (unit * jump, unit * jump + size - 1)


CONV3, POOL, STEM = (3, 1), (2, 2), [(7, 2), (3, 2)]


def vgg(*stages):
    """Convolution counts per stage, each stage closed by a 2 x 2 pooling."""
    return [layer for count in stages for layer in [CONV3] * count + [POOL]]


def bottlenecks(*counts):
    """Bottleneck blocks; the first of a later stage has stride 2 on its first 1 x 1."""
    first = [(1, 2), CONV3, (1, 1)]
    further = [(1, 1), CONV3, (1, 1)]
    return [
        layer
        for stage, count in enumerate(counts)
        for block in range(count)
        for layer in (first if stage and not block else further)
    ]


# The numbers follow from the layer tables of LeCun et al. 1998, Krizhevsky et al. 2012, Simonyan
# and Zisserman 2014 (table 1) and He et al. 2015 (table 1), and were measured as gradient support
# on real models. 195, 212, 483, 1027 and 1507 also stand in the table of Araujo, Norris and Sim
# (2019).
LENET5 = [(5, 1), POOL, (5, 1), POOL, (5, 1)]  # C1, S2, C3, S4, C5
ALEXNET = [(11, 4), (3, 2), (5, 1), (3, 2), CONV3, CONV3, CONV3, (3, 2), (6, 1)]  # to fc6
LAST = {  # network: layers, size and jump of the last
    "VGG D, pool5": (vgg(2, 2, 3, 3, 3), 212, 32),
    "VGG E, fc6": (vgg(2, 2, 4, 4, 4) + [(7, 1)], 460, 32),
    "ResNet-50": (STEM + bottlenecks(3, 4, 6, 3), 483, 32),
    "ResNet-101": (STEM + bottlenecks(3, 4, 23, 3), 1027, 32),
    "ResNet-152": (STEM + bottlenecks(3, 8, 36, 3), 1507, 32),
}


@pytest.mark.parametrize(("layers", "size", "jump"), LAST.values(), ids=LAST)
def test_published_networks(layers, size, jump):
    assert receptive_fields(layers)[-1][:2] == (size, jump)


def test_every_layer_of_lenet5_and_alexnet():
    sizes = [field.size for field in receptive_fields(LENET5)]
    assert sizes == [5, 6, 14, 16, 32]
    assert [field[:2] for field in receptive_fields(ALEXNET)] == [
        *[(11, 4), (19, 8), (51, 8), (67, 16), (99, 16), (131, 16), (163, 16), (195, 32)],
        (355, 32),
    ]


@pytest.mark.parametrize(
    ("layers", "size"),
    [
        *(([], 1), ([CONV3] * 2, 5), ([CONV3] * 3, 7), ([(3, 1, 4)], 9)),
        *(([(3, 2)], 3), ([(3, 2), CONV3], 7)),  # a stride enlarges the fields above it only
    ],
)
def test_small_stacks(layers, size):
    assert receptive_field(layers) == size


def test_padding_moves_the_start_only():
    padded = receptive_fields([(3, 2, 1, 1), (5, 1, 2, 2)])
    assert padded == [ReceptiveField(3, 2, -1), ReceptiveField(19, 2, -5)]
    assert receptive_fields([(3, 2), (5, 1, 2)])[-1] == ReceptiveField(19, 2, 0)


def test_a_cone_from_a_lower_level_and_one_of_padding_only():
    layers = [Layer(3, padding=1)] * 2
    assert cone(2, layers, 5) == [(0, 1, 2, 3, 4), (1, 2, 3), (2,)]
    assert cone(4, layers, 5, level=1) == [(3, 4), (4,)]
    assert cone(3, layers, 5, level=0) == [(3,)]
    assert cone(0, [Layer(1, padding=1)], 3) == [(), (0,)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: receptive_field([3]), "layers must be a list of (kernel, stride)"),
        (lambda: receptive_field([(3,)]), "layers[0] must be (kernel, stride)"),
        (lambda: receptive_field([CONV3, (3, 0)]), "layers[1] stride must be an integer >= 1"),
        (lambda: receptive_field([(3, 1, 0)]), "layers[0] dilation must be an integer >= 1, got 0"),
        (lambda: receptive_field([(3.0, 1)]), "layers[0] kernel must be an integer >= 1, got 3.0"),
        (lambda: receptive_fields([(3, 1, -1, 1)]), "layers[0] padding must be an integer >= 0"),
        (lambda: layer_sizes(5, [(3, 1, 1)]), "layers[0] must be (kernel, stride, padding, dila"),
        (lambda: layer_sizes(0, []), "n must be an integer >= 1, got 0"),
        (lambda: layer_sizes(9, [Layer(3, 2), Layer(5)]), "layers[1]: kernel 5 is larger than the"),
        (lambda: cone(3, [Layer(3)], 5), "unit must be an integer from 0 to 2, got 3"),
        (lambda: cone(0, [Layer(3)], 5, level=2), "level must be an integer from 0 to 1, got 2"),
    ],
)
def test_bad_stacks_are_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
