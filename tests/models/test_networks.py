"""Each network as a whole: its first weights, a step of training, and what does not fit."""

import math

import pytest
import torch
from networks import ROWS, build, on_meta
from torch import nn
from torch.nn.functional import cross_entropy

import course_utils.models
from course_utils.models import VGG, AlexNet, CifarResNet, GoogLeNet, LeNet5, ResNet
from course_utils.models.googlenet import GoogLeNetOutput, training_loss
from course_utils.models.lenet5 import map_loss, mse_loss

# Small in the number of maps or of pixels, so that a step takes no time.
ALEXNET = {"num_classes": 10, "input_size": 67}
VGG_32 = {"num_classes": 10, "input_size": 32}
GOOGLENET = {"num_classes": 10, "input_size": 80, "width": 1 / 8}


def test_models_offers_the_networks():
    names = {"AlexNet", "CifarResNet", "GoogLeNet", "LeNet5", "ResNet", "VGG"}
    assert set(course_utils.models.__all__) == names
    assert all(issubclass(getattr(course_utils.models, name), nn.Module) for name in names)


DIGESTS = {
    # seed 0: mean, standard deviation and argmax of the scores
    "lenet5_paper_1998": (84.231, 0.2808, 1),
    "lenet5_full_C3_rbf": (83.9046, 0.2186, 2),
    "lenet5_modern_softmax": (-0.0194299, 0.0721, 3),
    "alexnet_2012_grouped_227": (0.0066723, 0.8751, 937),
    "alexnet_2012_grouped_224pad2": (0.00667297, 0.8751, 937),
    "alexnet_single_tower_227": (0.020516, 0.8748, 324),
    "vgg_A": (-6.18508e-06, 0.01061, 19),
    "vgg_A-LRN": (-3.67804e-06, 0.006308, 19),
    "vgg_B": (-6.57872e-05, 0.004636, 84),
    "vgg_C": (9.28473e-05, 0.001301, 988),
    "vgg_D": (-1.78411e-05, 0.001316, 798),
    "vgg_E": (-2.82386e-05, 0.0006377, 837),
    "googlenet_paper_noaux": (-0.0144514, 0.4306, 812),
    "googlenet_paper_with_aux": (-0.00345587, 0.414, 857),
    "googlenet_paper_noaux_sepstem": (-0.0204759, 0.4167, 825),
    "googlenet_BN_5x5_noaux": (0.00018998, 0.04089, 819),
    "plain18": (0.00330313, 0.1943, 605),
    "resnet18_A": (0.24023, 6.792, 906),
    "resnet18_B": (0.0509608, 12.96, 532),
    "resnet18_C": (0.0318771, 4.836, 861),
    "plain34": (0.00130247, 0.03962, 220),
    "resnet34_B": (3.17663, 225.5, 269),
    "resnet50_B_v1": (0.926357, 258.8, 607),
    "resnet50_B_v1.5": (0.780259, 270, 981),
    "resnet101_B_v1": (821.775, 1.621e04, 391),
    "resnet152_B_v1": (9372.01, 1.003e06, 517),
    "cifar_resnet20_A": (-0.999078, 6.472, 8),
    "cifar_resnet20_B": (1.75304, 10.99, 3),
    "cifar_resnet56_A": (-33.0054, 1051, 7),
    "cifar_resnet110_A": (24542.3, 8.2e05, 3),
}


@pytest.mark.parametrize("row", DIGESTS)
def test_every_weight_learns_and_a_seed_gives_the_same_scores(row):
    torch.manual_seed(0)
    model = build(row)
    images = torch.rand(1, *ROWS[row]["input"])
    # Of these two the modes differ in dropout only: one pass will do.
    both_modes = not isinstance(model, (AlexNet, VGG))
    output = model.train(both_modes)(images)
    heads = output if isinstance(output, tuple) else (output,)
    sum(scores.square().mean() for scores in heads).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
    if both_modes:
        with torch.inference_mode():
            output = model.eval()(images)
    mean, std, argmax = DIGESTS[row]
    assert output.isfinite().all() and output.argmax() == argmax
    assert output.std().item() == pytest.approx(std, rel=0.01)
    assert output.mean().item() == pytest.approx(mean, abs=0.01 * std)


STEPS = [
    (LeNet5, {}, 32, mse_loss, 1e-3),
    (LeNet5, {}, 32, map_loss, 1e-3),
    (LeNet5, {"variant": "full_c3"}, 32, mse_loss, 1e-3),
    (LeNet5, {"variant": "modern"}, 32, cross_entropy, 1e-3),
    (AlexNet, ALEXNET, 67, cross_entropy, 0.01),
    (AlexNet, {"variant": "single_tower", **ALEXNET}, 67, cross_entropy, 0.01),
    *((VGG, {"configuration": name, **VGG_32}, 32, cross_entropy, 0.01) for name in ("A-LRN", "C")),
    (VGG, {"batch_norm": True, **VGG_32}, 32, cross_entropy, 0.01),
    (GoogLeNet, GOOGLENET, 80, training_loss, 1e-4),
    (GoogLeNet, {"auxiliary": False, **GOOGLENET}, 80, cross_entropy, 1e-4),
    (GoogLeNet, {"auxiliary": False, "stem": "separable", **GOOGLENET}, 80, cross_entropy, 1e-4),
    (GoogLeNet, {"auxiliary": False, "batch_norm": True, **GOOGLENET}, 80, cross_entropy, 1e-4),
    (ResNet, {"depth": 18, "shortcut": "A", "num_classes": 10}, 64, cross_entropy, 1e-3),
    (ResNet, {"depth": 18, "shortcut": "C", "num_classes": 10}, 64, cross_entropy, 1e-3),
    (ResNet, {"depth": 18, "residual": False, "num_classes": 10}, 64, cross_entropy, 1e-3),
    (ResNet, {"num_classes": 10}, 64, cross_entropy, 1e-3),
    (ResNet, {"version": "v1.5", "num_classes": 10}, 64, cross_entropy, 1e-3),
    *((CifarResNet, options, 64, cross_entropy, 1e-3)
      for options in ({}, {"shortcut": "B"}, {"residual": False})),
]  # fmt: skip


@pytest.mark.parametrize(("network", "options", "size", "loss", "lr"), STEPS)
def test_one_step_lowers_the_loss(network, options, size, loss, lr):
    torch.manual_seed(0)
    model = network(**options).train()
    images, labels = torch.rand(10, 1 if network is LeNet5 else 3, size, size), torch.arange(10)
    optimiser = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for _ in range(2):
        torch.manual_seed(0)  # the same units drop out both times
        value = loss(model(images), labels)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        losses.append(value.item())
    assert losses[1] < losses[0]


@pytest.mark.parametrize(
    ("model", "size", "rates"),
    [
        (lambda: AlexNet(**ALEXNET), 67, [0.5, 0.5]),
        (lambda: VGG("A", **VGG_32), 32, [0.5, 0.5]),
        (lambda: GoogLeNet(False, **GOOGLENET), 80, [0.4]),
        (lambda: GoogLeNet(**GOOGLENET), 80, [0.4, 0.7, 0.7]),
    ],
    ids=["AlexNet", "VGG", "GoogLeNet", "GoogLeNet with heads"],
)
def test_dropout_acts_in_training_only(model, size, rates):
    torch.manual_seed(0)
    model, image = model(), torch.rand(1, 3, size, size)
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == rates
    model.eval()
    assert torch.equal(model(image), model(image))
    first, second = (model.train()(image) for _ in range(2))
    first, second = (s if isinstance(s, tuple) else (s,) for s in (first, second))
    assert not any(map(torch.equal, first, second))


# ---------------------------------------------------------------------------------------------
# The first weights


def uniform(bound):
    return bound / math.sqrt(3)  # the standard deviation


CONV_5B = "inception5b.conv3x3.conv"


@pytest.mark.parametrize(
    ("build", "layer", "std", "bias"),
    [
        (lambda: AlexNet(**ALEXNET), "fc7", 0.01, 1),
        (lambda: VGG("A", **VGG_32), "block5.conv5_1", uniform((6 / (2 * 9 * 512)) ** 0.5), 0),
        (lambda: VGG("A", init="printed", **VGG_32), "fc7", 0.1, 0),
        (lambda: VGG("A", init="small", **VGG_32), "fc7", 0.01, 0),
        (lambda: VGG("A", init="he", **VGG_32), "fc7", (2 / 4096) ** 0.5, 0),
        (lambda: VGG("A", init="torch", **VGG_32), "fc7", uniform(4096**-0.5), None),
        (lambda: GoogLeNet(**GOOGLENET), CONV_5B, uniform((3 / 216) ** 0.5), 0.2),
        (lambda: GoogLeNet(**GOOGLENET), "auxiliary4a.fc2", uniform((3 / 128) ** 0.5), 0),
        (lambda: GoogLeNet(init="he", **GOOGLENET), CONV_5B, (2 / 216) ** 0.5, 0),
        (lambda: GoogLeNet(init="torch", **GOOGLENET), CONV_5B, uniform(216**-0.5), None),
        (lambda: LeNet5(), "c5", uniform(2.4 / 400), None),
        (lambda: LeNet5(), "c3.convolutions.15", uniform(2.4 / 150), None),
        (lambda: LeNet5(init="torch"), "c5", uniform(1 / 20), None),
        (lambda: LeNet5("modern"), "c5", uniform(1 / 20), None),
        (lambda: LeNet5("modern", init="paper"), "c5", uniform(2.4 / 400), None),
        (lambda: ResNet(18), "conv3_x.0.conv1", (2 / (9 * 64)) ** 0.5, None),
        (lambda: CifarResNet(), "fc", (2 / 64) ** 0.5, 0),
    ],
)  # fmt: skip
def test_weights_start_as_the_papers_say(build, layer, std, bias):
    torch.manual_seed(0)
    layer = build().get_submodule(layer)
    spread = 2 / math.sqrt(layer.weight.numel())  # of an estimate of a standard deviation
    assert layer.weight.std().item() == pytest.approx(std, rel=max(0.01, spread))
    assert abs(layer.weight.mean().item()) < 2 * spread * std
    if bias is not None:
        assert (layer.bias == bias).all()


def test_alexnets_biases_of_section_5():
    layers = dict(AlexNet(**ALEXNET).named_modules())
    biases = {n: m.bias.unique().item() for n, m in layers.items() if hasattr(m, "bias")}
    ones = {"conv2", "conv4", "conv5", "fc6", "fc7"}
    assert biases == dict.fromkeys(ones, 1) | dict.fromkeys(("conv1", "conv3", "fc8"), 0)


def test_subsampling_starts_from_the_bound_of_appendix_a_or_as_averaging():
    torch.manual_seed(0)
    for layer in (LeNet5().s2, LeNet5().s4):
        assert all(0 < p.abs().max() <= 2.4 / 4 for p in layer.parameters())
    x = torch.rand(1, 6, 4, 4)
    averaged = LeNet5(init="torch").s2(x)
    torch.testing.assert_close(averaged, nn.functional.avg_pool2d(x, 2))


# ---------------------------------------------------------------------------------------------
# Other sizes, and what does not fit


@pytest.mark.parametrize(
    ("network", "options", "shape"),
    [
        (LeNet5, {"in_channels": 3}, (3, 32, 32)),
        (LeNet5, {"variant": "modern", "num_classes": 7, "in_channels": 2}, (2, 32, 32)),
        (AlexNet, {"num_classes": 7, "in_channels": 1, "input_size": 99}, (1, 99, 99)),
        (AlexNet, {"num_classes": 7, "input_size": 63, "conv1_padding": 2}, (3, 63, 63)),
        (VGG, {"num_classes": 7, "in_channels": 1, "input_size": 70}, (1, 70, 70)),
        *((GoogLeNet, {"auxiliary": False, "num_classes": 7, "width": 1 / 8}, (3, *size))
          for size in ((32, 32), (50, 70), (224, 224))),
        *((GoogLeNet, {"input_size": n, "num_classes": 7}, (3, n, n))
          for n in (79, 80, 95, 113, 192, 225)),
        (ResNet, {"num_classes": 7, "in_channels": 1}, (1, 32, 40)),
        (CifarResNet, {"depth": 8, "num_classes": 7, "widths": (4, 4, 6)}, (3, 8, 8)),
        (CifarResNet, {"depth": 8, "num_classes": 7, "widths": (4, 4, 6)}, (3, 33, 47)),
    ],
)  # fmt: skip
def test_other_sizes_channels_and_classes(network, options, shape):
    model = on_meta(lambda: network(**options))
    output = model(torch.zeros(2, *shape, device="meta"))
    for scores in output if isinstance(output, GoogLeNetOutput) else [output]:
        assert scores.shape == (2, options.get("num_classes", 10))


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        (LeNet5, {"variant": "old"}, "variant must be one of 'paper', 'full_c3', 'modern', got"),
        (LeNet5, {"init": "he"}, "init must be one of 'paper', 'torch', None, got 'he'"),
        (LeNet5, {"num_classes": 26}, "num_classes must be 10 for variant 'paper', got 26"),
        (AlexNet, {"variant": "owt"}, "variant must be one of 'paper', 'single_tower', got 'owt'"),
        (AlexNet, {"input_size": 66}, "input_size must be an integer >= 67, got 66"),
        (AlexNet, {"input_size": 62, "conv1_padding": 2}, "must be an integer >= 63, got 62"),
        (VGG, {"configuration": "16"}, "configuration must be one of 'A', 'A-LRN', .* got '16'"),
        (VGG, {"input_size": 31}, "input_size must be an integer >= 32, got 31"),
        (VGG, {"init": "xavier"}, "init must be one of 'glorot', 'printed', 'small', 'he', .* got"),
        (GoogLeNet, {"input_size": 78}, "input_size must be an integer >= 79, got 78"),
        (GoogLeNet, {"stem": "7x7"}, "stem must be one of 'full', 'separable', got '7x7'"),
        (GoogLeNet, {"init": "paper"}, "init must be one of 'caffe', 'he', 'torch', got 'paper'"),
        (ResNet, {"depth": 20}, "depth must be one of 18, 34, 50, 101, 152, got 20"),
        (ResNet, {"shortcut": "D"}, "shortcut must be one of 'A', 'B', 'C', got 'D'"),
        (ResNet, {"version": "v2"}, "version must be one of 'v1', 'v1.5', got 'v2'"),
        (CifarResNet, {"depth": 18}, r"depth must be 6n \+ 2 \(8, 14, 20, 26, ...\), got 18"),
        (CifarResNet, {"depth": 2}, r"depth must be 6n \+ 2 \(8, 14, 20, 26, ...\), got 2"),
        (CifarResNet, {"widths": (32, 16, 64)}, "out_channels must be an integer >= 32, got 16"),
    ],
)
def test_bad_arguments_are_named(network, options, message):
    with torch.device("meta"), pytest.raises(ValueError, match=message):
        network(**options)


HEADS = "images must be 224 x 224 pixels, got 192 x 192: the auxiliary heads are dense"


@pytest.mark.parametrize(
    ("network", "shape", "message"),
    [
        (LeNet5, (1, 28, 28), "images must be 32 x 32 pixels, got 28 x 28: F6 is dense"),
        (LeNet5, (1, 36, 36), "images must be 32 x 32 pixels, got 36 x 36: F6 is dense"),
        (LeNet5, (32, 32), r"images must have shape \(N, 1, height, width\), got \(1, 32, 32\)"),
        (AlexNet, (3, 224, 224), "must be 227 x 227 pixels, got 224 x 224: .* of the 256 x 6 x 6"),
        (VGG, (3, 256, 256), "must be 224 x 224 pixels, got 256 x 256: .* of the 512 x 7 x 7 val"),
        (VGG, (4, 224, 224), r"images must have shape \(N, 3, height, width\), got \(1, 4, 224"),
        (GoogLeNet, (3, 192, 192), HEADS),
        (GoogLeNet, (3, 31, 40), "images must be at least 32 x 32 pixels, got 31 x 40"),
        (ResNet, (3, 31, 64), "images must be at least 32 x 32 pixels, got 31 x 64"),
        (CifarResNet, (3, 8, 3), "images must be at least 4 x 4 pixels, got 8 x 3"),
        (CifarResNet, (1, 8, 8), r"images must have shape \(N, 3, height, width\), got \(1, 1, 8"),
    ],
)
def test_images_that_do_not_fit_are_explained(network, shape, message):
    with pytest.raises(ValueError, match=message):
        on_meta(network)(torch.zeros(1, *shape, device="meta"))
