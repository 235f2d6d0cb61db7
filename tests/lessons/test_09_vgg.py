"""What notebook 09 says of its counts and its experiments, with other seeds as well."""

import re

import pytest
from cells import run_cells

from course_utils.papers import results

SLUG = "09_vgg"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_twins_depth_and_pre_training(seed, capsys):
    found = run_cells(
        SLUG,
        ["setup", "twins", "twins-train", "small-vgg", "train-by-depth", "pretrain"],
        twins=("maps=16, seed=0", f"maps=16, seed={seed}"),
        nets=("std=None, seed=0", f"std=None, seed={seed}"),
        order_of_twins=("epochs=5, lr=2e-3", f"epochs=5, lr=2e-3, seed={seed}"),
        order_by_depth=(
            "small_vgg(n), train, test, epochs=6",
            f"small_vgg(n), train, test, seed={seed}, epochs=6",
        ),
        order=("net, train, test, epochs=6", f"net, train, test, seed={seed}, epochs=6"),
    )
    printed = capsys.readouterr().out
    right, accuracy = found["right"], found["accuracy"]
    trained, tested = found["trained"], found["tested"]
    with capsys.disabled():
        print(f"\nseed {seed}: twins", {k: f"{100 * v:.1f} %" for k, v in right.items()})
        print("        by depth, training", {k: f"{v:.1f} %" for k, v in trained.items()})
        print("        by depth, new", {k: f"{v:.1f} %" for k, v in tested.items()})
        print("        start", {k: f"{100 * v:.1f} %" for k, v in accuracy.items()})
    assert min(right.values()) > 0.93
    assert abs(right["two 3×3"] - right["one 5×5"]) < 0.04
    # Where depth stops helping, in training first.
    assert trained["6"] > trained["4"] + 20
    assert min(trained[n] for n in ("6", "8", "12")) > 93
    assert trained["18"] < trained["12"] - 2
    assert tested["18"] < max(tested[n] for n in ("6", "8", "12")) - 2
    # The start decides.
    assert accuracy["18 layers, small"] < 0.15
    assert min(share for name, share in accuracy.items() if name != "18 layers, small") > 0.25
    assert accuracy["18 layers, He et al."] > accuracy["18 layers, pre-trained"]
    assert printed.count("True") == 8 and printed.count("False") == 4


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_with_three_times_the_epochs_18_layers_catch_up_and_28_do_not(seed):
    found = run_cells(SLUG, ["setup", "twins", "small-vgg"])
    train, test = found["train"], found["test"]
    accuracy = {}
    for n in (7, 12):
        net = found["small_vgg"](n, seed=seed)
        accuracy[2 * n + 4] = found["fit"](net, train, test, epochs=18, lr=2e-3).test_accuracy[-1]
    print({layers: f"{100 * share:.1f} %" for layers, share in accuracy.items()})
    assert accuracy[18] > 0.9
    assert accuracy[28] < 0.8


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_gradients_of_the_full_widths(seed):
    found = run_cells(
        SLUG, ["setup", "full-size"], start=("manual_seed(0)", f"manual_seed({seed})")
    )
    ratio = {name: norms[0] / norms[-1] for name, norms in found["arriving"].items()}
    print({name: f"{value:.1e}" for name, value in ratio.items()})
    assert 1e-6 < ratio["A, σ = 0.01"] < 1e-4
    assert 1e-10 < ratio["E, σ = 0.01"] < 1e-8
    assert 1e8 < ratio["E, σ = 0.1"] < 1e10
    assert 0.01 < ratio["E, He et al."] < 10


def test_table_2_is_counted_as_printed(capsys):
    run_cells(SLUG, ["setup", "table-two"])
    rows = re.findall(
        r"(\w): (\d+) layers, ([\d,]+) parameters .Table 2: (\d+) M., ([\d.]+)",
        capsys.readouterr().out,
    )
    assert [row[0] for row in rows] == list("ABCDE")
    assert [int(row[1]) for row in rows] == [11, 13, 16, 16, 19]
    for _, _, parameters, millions, _ in rows:
        assert round(int(parameters.replace(",", "")) / 1e6) == int(millions)
    assert [float(row[4]) for row in rows] == [7.61, 11.31, 11.77, 15.47, 19.63]


def test_the_gradient_finds_the_fields_and_the_weights(capsys):
    run_cells(SLUG, ["setup", "stack-see"])
    rows = re.findall(r"sees (\d+)×\d+, +(\d+) C²", capsys.readouterr().out)
    assert rows == [("3", "9"), ("5", "18"), ("5", "25"), ("7", "27"), ("7", "49")]


def test_both_twins_see_the_same():
    found = run_cells(SLUG, ["setup", "twins"])
    counts = [found["ledger"](found["twin"](k, n), (1, 8, 8)) for k, n in ((3, 2), (5, 1))]
    fields = [max(row.receptive_field for row in c.rows if row.stride) for c in counts]
    assert fields[0] == fields[1]
    assert [count.parameters for count in counts] == [10_090, 13_642]


def test_depths_are_what_the_text_says():
    found = run_cells(SLUG, ["setup", "small-vgg"])
    for n in (0, 1, 2, 4, 7):
        layers = [layer for _, layer in found["layers_to_draw"](found["small_vgg"](n))]
        assert len(layers) == 2 * n + 4


def test_pre_training_copies_first_layers_of_blocks_and_the_head():
    """The places in the list of 18 layers hold layers of the shapes of the six."""
    found = run_cells(SLUG, ["setup", "small-vgg"])
    deep, shallow = (
        [layer.weight.shape for _, layer in found["layers_to_draw"](found["small_vgg"](n))]
        for n in (7, 1)
    )
    for new, old in ((0, 0), (1, 1), (8, 2), (-3, -3), (-2, -2), (-1, -1)):
        assert deep[new] == shallow[old]


def test_published_numbers_are_tables_2_and_3():
    paper = results("vgg")
    assert paper["parameters"].value == (133, 133, 134, 138, 144)
    assert paper["top-1-small-scale"].value == (29.6, 29.7, 28.7, 28.1, 27.0, 27.3)
    assert paper["top-5-small-scale"].value == (10.4, 10.5, 9.9, 9.4, 8.8, 9.0)
    assert paper["top-1-mixed-scales"].value == (27.3, 25.6, 25.5)
    assert len(paper["depth"].value) == 6
