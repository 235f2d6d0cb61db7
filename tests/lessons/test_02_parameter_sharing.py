"""What notebook 02 says of its experiments holds for other seeds as well."""

import pytest
import torch
from cells import run_cells
from torch import nn

SLUG = "02_parameter_sharing"
EXPERIMENT = ["setup", "data", "local-layer", "networks", "train-define", "train", "bars", "maps"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_only_shared_weights_read_digits_at_new_places(seed):
    cells = run_cells(
        SLUG, [*EXPERIMENT, "dense-head", "shuffle-see"], seed=("SEED = 0", f"SEED = {seed}")
    )
    known, step, accuracy = cells["known"], cells["step"], cells["accuracy"]
    assert int(known.sum()) == 4 and int(step.sum()) == 36 and known.shape == (9, 9)
    for name, by_row in {**accuracy, "dense head": cells["head"]}.items():
        assert by_row[known].mean() > 0.9, name  # all read new digits where they were taught
    for name in ("dense", "locally connected"):
        assert 0.25 < accuracy[name][step & ~known].mean() < 0.35, name  # "about three in ten"
        assert accuracy[name][~step].mean() < 0.1, name  # "no better than guessing"
    assert accuracy["convolutional"][~known].mean() > 0.8
    assert cells["head"][~known].mean() < 0.3
    # Shuffled: the dense net as before, the ConvNet behind it, and lost at new places.
    results = cells["results"]
    dense, conv = results["dense,\nshuffled"], results["convolutional,\nshuffled"]
    assert abs(dense[0] - results["dense"][0]) < 0.04
    assert conv[0] < dense[0] - 0.02
    assert conv[1] < 0.25


def test_a_shuffled_input_permutes_the_columns_of_a_dense_layers_matrix():
    torch.manual_seed(0)
    layer, x, order = nn.Linear(6, 4), torch.randn(3, 6), torch.randperm(6)
    twin = nn.Linear(6, 4)
    twin.weight.data, twin.bias.data = layer.weight[:, order], layer.bias
    torch.testing.assert_close(twin(x[:, order]), layer(x))


def test_the_networks_have_the_sizes_that_the_text_gives(capsys):
    networks = run_cells(SLUG, ["setup", "data", "local-layer", "networks"])["networks"]
    sizes = [sum(p.numel() for p in net.parameters()) for net in networks.values()]
    assert sizes == [362_062, 362_234, 5_282]
    assert 66 < sizes[1] / sizes[2] < 74  # "a 70th"


def test_the_locally_connected_layer_is_a_convolution_once_its_weights_agree():
    layer = run_cells(SLUG, ["setup", "local-layer"])["LocallyConnected"](2, 3, 5, 6)
    conv = nn.Conv2d(2, 3, 5, padding=2)
    layer.weight.data = conv.weight.data.view(3, 50, 1).expand(3, 50, 36)
    layer.bias.data = conv.bias.data[:, None].expand(3, 36)
    x = torch.rand(4, 2, 6, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(layer(x), conv(x))
    # And every output pixel has weights of its own: changing one changes that pixel alone.
    before = layer(x)
    layer.weight.data = layer.weight.data.clone()
    layer.weight.data[1, :, 7] += 1
    changed = (layer(x) - before).abs().amax(dim=0) > 1e-6  # (3, 6, 6)
    assert changed.nonzero().tolist() == [[1, 1, 1]]
