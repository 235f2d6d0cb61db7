"""GoogLeNet against Sections 4 and 5, Table 1 and Figs. 2 and 3 of Szegedy et al. (2014)."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from course_utils.models import GoogLeNet
from course_utils.models.googlenet import (
    INCEPTION_TABLE,
    ConvReLU,
    GoogLeNetOutput,
    Inception,
    NaiveInception,
    training_loss,
)

FACTS = json.loads((Path(__file__).parent / "facts_table.json").read_text())
ROWS = FACTS["variants"]["rows"]
PAPER = FACTS["googlenet"]
VARIANTS = {
    "googlenet_paper_noaux": {"auxiliary": False},
    "googlenet_paper_with_aux": {"auxiliary": True},
    "googlenet_paper_noaux_sepstem": {"auxiliary": False, "stem": "separable"},
    "googlenet_BN_5x5_noaux": {"auxiliary": False, "batch_norm": True},
}
SMALL = {"num_classes": 10, "input_size": 80, "width": 1 / 8}


@pytest.mark.parametrize("row", VARIANTS)
def test_parameters_and_macs_are_exact(row, count):
    facts = ROWS[row]
    with torch.device("meta"):
        modules = list(GoogLeNet(**VARIANTS[row]).modules())
    norms = [module for module in modules if isinstance(module, nn.BatchNorm2d)]
    counted = count(lambda: GoogLeNet(**VARIANTS[row]), facts["input"])
    assert (counted.params, counted.macs) == (facts["params"], facts["macs"])
    assert sum(isinstance(module, nn.Conv2d) for module in modules) == facts["conv_layers"]
    assert sum(isinstance(module, nn.Linear) for module in modules) == facts["fc_layers"]
    assert sum(p.numel() for norm in norms for p in norm.parameters()) == facts["bn_affine"]


def test_each_row_is_table_1(count):
    layers = count(lambda: GoogLeNet(False), [3, 224, 224]).layers
    for row in PAPER["rows"]:
        names = {"conv2+3": ["conv2_reduce", "conv2"]}.get(row["row"], [row["row"]])
        found = [layers[f"inception{n}" if n in INCEPTION_TABLE else n] for n in names]
        assert sum(layer.params for layer in found) == row["params"]
        assert sum(layer.macs for layer in found) == row["macs"]
        assert found[-1].shape[0] == row["out_channels"]
        # Table 1 prints the operations in whole millions; see the docstring about conv1 and 5a.
        if row["row"] not in ("conv1", "5a"):
            assert row["macs"] / 1e6 == pytest.approx(float(row["paper_ops"][:-1]), abs=1)


def test_filters_are_table_1():
    channels = {"3a": 192}
    for (name, filters), following in zip(
        INCEPTION_TABLE.items(), [*list(INCEPTION_TABLE)[1:], "linear"], strict=True
    ):
        assert [channels[name], *filters] == PAPER["inception_table"][name]
        n1x1, _, n3x3, _, n5x5, projection = filters
        channels[following] = n1x1 + n3x3 + n5x5 + projection
    assert channels["linear"] == 1024


def test_shapes_are_table_1(count):
    layers = count(GoogLeNet, [3, 224, 224]).layers
    names = {
        "4a": "inception4a",
        "4d": "inception4d",
        "5b": "inception5b",
        "aux1 pool": "auxiliary4a.pool",
        "aux2 pool": "auxiliary4d.pool",
    }
    for name, shape in PAPER["shapes_224"].items():
        assert layers[names.get(name, name)].shape == shape
    assert layers["pool5"].shape == [1024, 1, 1]
    assert layers["auxiliary4a"].params == PAPER["aux"]["aux1_params"]
    assert layers["auxiliary4d"].params == PAPER["aux"]["aux2_params"]


def test_separable_stem_has_the_numbers_of_row_1(count):
    stem = count(lambda: GoogLeNet(False, stem="separable"), [3, 224, 224]).layers["conv1"]
    assert stem.params - 64 == PAPER["sep_stem"]["weights"]  # 64 biases
    assert stem.macs == PAPER["sep_stem"]["macs"]
    assert stem.shape == [64, 112, 112]


def test_depth_is_22():
    with torch.device("meta"):
        model = GoogLeNet(False)
    modules = sum(isinstance(module, Inception) for module in model.modules())
    assert 1 + 2 + 2 * modules + 1 == PAPER["depth"]


def test_naive_against_reduced_module(count):
    facts = PAPER["naive_3a"]
    naive = count(lambda: nn.Sequential(NaiveInception(192, 64, 128, 32)), [192, 28, 28])
    assert naive.layers["0"].shape == [facts["out_channels"], 28, 28]
    assert naive.macs == facts["macs"]
    assert naive.params == facts["weights"] + 64 + 128 + 32
    reduced = count(lambda: nn.Sequential(Inception(192, *INCEPTION_TABLE["3a"])), [192, 28, 28])
    assert reduced.layers["0"].shape == [facts["reduced_out"], 28, 28]
    assert reduced.macs == facts["reduced_macs"]
    assert reduced.params == facts["reduced_weights"] + sum(INCEPTION_TABLE["3a"])


def test_worked_example_of_the_5x5_branch(count):
    facts = PAPER["worked_example_5x5"]
    naive = count(lambda: ConvReLU(192, 32, 5), [192, 28, 28])
    reduced = count(lambda: nn.Sequential(ConvReLU(192, 16, 1), ConvReLU(16, 32, 5)), [192, 28, 28])
    assert naive.macs == facts["naive_macs"] == 120_422_400
    assert reduced.macs == facts["reduced_total"] == 12_443_648


def test_modules_stack_their_branches():
    torch.manual_seed(0)
    x = torch.rand(2, 6, 9, 9)
    naive = NaiveInception(6, 2, 3, 4)
    out = naive(x)
    assert out.shape == (2, naive.out_channels, 9, 9) == (2, 15, 9, 9)
    assert torch.equal(out[:, :2], naive.conv1x1(x))
    assert torch.equal(out[:, 5:9], naive.conv5x5(x))
    assert torch.equal(out[:, 9:], nn.functional.max_pool2d(x, 3, 1, 1))
    reduced = Inception(6, 2, 3, 4, 1, 2, 5)
    out = reduced(x)
    assert out.shape == (2, reduced.out_channels, 9, 9) == (2, 13, 9, 9)
    assert torch.equal(out[:, 2:6], reduced.conv3x3(reduced.reduce3x3(x)))
    assert torch.equal(out[:, 8:], reduced.projection(reduced.pool(x)))


def test_receptive_field_of_5b(receptive_field):
    seen = receptive_field(lambda: GoogLeNet(False), GoogLeNet.features, (3, 32, 832))
    assert seen == FACTS["receptive_fields"]["rows"]["GoogLeNet 5b"] == 715


def test_the_1x1_branch_of_5b_sees_less(receptive_field):
    def branch(model, image):
        return model.features(image)[:, :384]

    assert receptive_field(lambda: GoogLeNet(False), branch, (3, 32, 832)) == 587


def test_auxiliary_heads_in_training_only():
    torch.manual_seed(0)
    model = GoogLeNet(**SMALL)
    images = torch.rand(2, 3, 80, 80)
    output = model.train()(images)
    assert isinstance(output, GoogLeNetOutput)
    assert [scores.shape for scores in output] == [(2, 10)] * 3
    scores = model.eval()(images)
    assert isinstance(scores, torch.Tensor)
    assert scores.shape == (2, 10)
    without = GoogLeNet(False, **SMALL)
    weights = {k: v for k, v in model.state_dict().items() if not k.startswith("auxiliary")}
    without.load_state_dict(weights)
    torch.testing.assert_close(without.eval()(images), scores)
    assert isinstance(without.train()(images), torch.Tensor)


def test_dropout_acts_in_training_only():
    torch.manual_seed(0)
    model = GoogLeNet(False, **SMALL)
    image = torch.rand(1, 3, 80, 80)
    assert not torch.equal(model.train()(image), model.train()(image))
    assert torch.equal(model.eval()(image), model.eval()(image))
    with_heads = GoogLeNet(**SMALL)
    assert with_heads.dropout.p == 0.4
    assert (with_heads.auxiliary4a.dropout.p, with_heads.auxiliary4d.dropout.p) == (0.7, 0.7)


def test_training_loss_adds_the_heads_with_weight_0_3():
    torch.manual_seed(0)
    output = GoogLeNetOutput(*torch.randn(3, 4, 10))
    labels = torch.tensor([1, 2, 3, 4])
    main, first, second = (nn.functional.cross_entropy(s, labels) for s in output)
    torch.testing.assert_close(training_loss(output, labels), main + 0.3 * first + 0.3 * second)
    torch.testing.assert_close(training_loss(output, labels, 0), main)


def test_auxiliary_heads_reach_the_early_layers():
    torch.manual_seed(0)
    model = GoogLeNet(**SMALL).train()
    output = model(torch.rand(2, 3, 80, 80))
    for scores in output:
        model.zero_grad()
        scores.square().sum().backward(retain_graph=True)
        assert model.conv1.conv.weight.grad.abs().sum() > 0
    assert model.inception4b.conv1x1.conv.weight.grad is not None
    model.zero_grad()
    output.auxiliary_4a.sum().backward()
    assert model.inception4b.conv1x1.conv.weight.grad is None


def test_initialisation():
    torch.manual_seed(0)
    model = GoogLeNet(**SMALL)
    convolution = model.inception5b.conv3x3.conv
    fan_in = 9 * 24
    assert convolution.weight.abs().max().item() == pytest.approx((3 / fan_in) ** 0.5, rel=0.01)
    assert (convolution.bias == 0.2).all()
    assert (model.auxiliary4a.fc1.bias == 0.2).all()
    for layer in (model.linear, model.auxiliary4a.fc2, model.auxiliary4d.fc2):
        assert (layer.bias == 0).all()
    convolution = GoogLeNet(init="he", **SMALL).inception5b.conv3x3.conv
    assert convolution.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.03)
    assert (convolution.bias == 0).all()
    convolution = GoogLeNet(init="torch", **SMALL).inception5b.conv3x3.conv
    assert convolution.weight.abs().max().item() == pytest.approx(fan_in**-0.5, rel=0.01)


DIGESTS = {
    # seed 0: mean, standard deviation and argmax of the scores
    "googlenet_paper_noaux": (-0.0144514, 0.4306, 812),
    "googlenet_paper_with_aux": (-0.00345587, 0.414, 857),
    "googlenet_paper_noaux_sepstem": (-0.0204759, 0.4167, 825),
    "googlenet_BN_5x5_noaux": (0.00018998, 0.04089, 819),
}


@pytest.mark.parametrize("row", VARIANTS)
def test_forward_backward_and_digest(row, digest):
    found = digest(lambda: GoogLeNet(**VARIANTS[row]), [3, 224, 224])
    assert found.equals(DIGESTS[row]), found


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_one_step_lowers_the_loss(options, one_step):
    def loss(model, images):
        labels = torch.arange(len(images))
        output = model(images)
        if isinstance(output, GoogLeNetOutput):
            return training_loss(output, labels)
        return nn.functional.cross_entropy(output, labels)

    torch.manual_seed(0)
    model = GoogLeNet(**options, **SMALL).train()
    before, after = one_step(model, torch.rand(10, 3, 80, 80), loss, lr=1e-4)
    assert after < before


@pytest.mark.parametrize("size", [(32, 32), (50, 70), (224, 224)])
def test_any_size_without_heads(size):
    model = GoogLeNet(False, 7, in_channels=1, width=1 / 8)
    assert model(torch.zeros(2, 1, *size)).shape == (2, 7)
    model = GoogLeNet(True, 7, in_channels=1, width=1 / 8).eval()
    assert model(torch.zeros(2, 1, *size)).shape == (2, 7)


@pytest.mark.parametrize("size", [79, 80, 95, 113, 192, 225])
def test_heads_for_other_sizes(size):
    with torch.device("meta"):
        output = GoogLeNet(input_size=size, width=1 / 8)(torch.zeros(1, 3, size, size))
    assert [scores.shape for scores in output] == [(1, 1000)] * 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"auxiliary": "yes"}, "auxiliary must be one of True, False, got 'yes'"),
        ({"num_classes": 0}, "num_classes must be an integer >= 1, got 0"),
        ({"in_channels": 0}, "in_channels must be an integer >= 1, got 0"),
        ({"input_size": 78}, "input_size must be an integer >= 79, got 78"),
        ({"width": 1 / 16}, "width must be one of 1, 0.5, 0.25, 0.125, got 0.0625"),
        ({"stem": "7x7"}, "stem must be one of 'full', 'separable', got '7x7'"),
        ({"init": "paper"}, "init must be one of 'caffe', 'he', 'torch', got 'paper'"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        GoogLeNet(**options)


def test_modules_refuse_missing_filters():
    with pytest.raises(ValueError, match="n5x5 must be an integer >= 1, got 0"):
        NaiveInception(192, 64, 128, 0)
    with pytest.raises(ValueError, match="n5x5_reduce must be an integer >= 1, got 0"):
        Inception(192, 64, 96, 128, 0, 32, 32)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 3, 192, 192), "images must be 224 x 224 pixels, got 192 x 192: the auxiliary heads"),
        ((1, 3, 31, 40), "images must be at least 32 x 32 pixels, got 31 x 40"),
        ((1, 1, 224, 224), r"images must have shape \(N, 3, height, width\), got \(1, 1, 224, 224"),
    ],
)
def test_bad_images(shape, message):
    with torch.device("meta"):
        model = GoogLeNet().train()
        with pytest.raises(ValueError, match=message):
            model(torch.zeros(shape))
