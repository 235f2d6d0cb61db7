"""What notebook 02 says of its experiments holds for other seeds as well."""

import pytest
from cells import run_cells

SLUG = "02_parameter_sharing"
EXPERIMENT = ["setup", "data", "local-layer", "networks", "train", "bars", "dense-head"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_only_shared_weights_read_digits_at_new_places(seed, capsys):
    cells = run_cells(SLUG, [*EXPERIMENT, "shuffle-see"], seed=("SEED = 0", f"SEED = {seed}"))
    known, results = cells["known"], dict(cells["results"])
    head = cells["head"]
    results["dense head"] = float(head[known].mean()), float(head[~known].mean())
    with capsys.disabled():
        print(f"\nseed {seed}: accuracy at the places shown, at the other 77")
        for name, (here, there) in results.items():
            print(f"  {' '.join(name.split()):24} {here:.3f} {there:.3f}")
    assert int(known.sum()) == 4 and known.shape == (9, 9)
    for name in ("dense", "locally connected", "convolutional", "dense head"):
        assert results[name][0] > 0.9, name  # all read new digits where they were taught
    assert results["convolutional"][1] > 0.8
    for name in ("dense", "locally connected", "dense head"):
        assert results[name][1] < 0.25, name
    # Locality alone brings nothing to speak of.
    assert abs(results["locally connected"][1] - results["dense"][1]) < 0.05
    # Shuffled: the dense net as before, the ConvNet behind it, and lost at new places.
    dense, conv = results["dense,\nshuffled"], results["convolutional,\nshuffled"]
    assert abs(dense[0] - results["dense"][0]) < 0.04
    assert conv[0] < dense[0] - 0.02
    assert conv[1] < 0.25


def test_the_networks_have_the_sizes_that_the_text_gives(capsys):
    networks = run_cells(SLUG, ["setup", "data", "local-layer", "networks"])["networks"]
    sizes = [sum(p.numel() for p in net.parameters()) for net in networks.values()]
    assert sizes == [362_062, 362_234, 5_282]
    assert 66 < sizes[1] / sizes[2] < 74  # "a 70th"


def test_the_locally_connected_layer_is_a_convolution_once_its_weights_agree():
    import torch
    from torch import nn

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
