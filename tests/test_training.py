"""Training against a loop written out by hand, and its manners when it is stopped or goes wrong."""

import copy
import functools
import math
import os
import re
import signal
import threading
from xml.etree import ElementTree

import ipywidgets
import numpy as np
import pytest
import torch
from torch import nn

from course_utils import datasets
from course_utils.training import Evaluation, History, TrainingDiverged, evaluate, fit
from course_utils.training import history as shown_as

SGD = functools.partial(torch.optim.SGD, momentum=0.9)


def made_data(n=70, seed=5):
    """Pictures (n, 1, 8, 8) of three classes that differ in the mean of a quarter."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (n,), generator=generator)
    images = torch.rand(n, 1, 8, 8, generator=generator)
    for label in range(3):
        images[labels == label, :, :4, 2 * label : 2 * label + 4] += 0.7
    return images, labels


def small_net(dropout=0.0, norm=False, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4) if norm else nn.Identity(),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(64, 3),
    )


def dense_net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.BatchNorm1d(5), nn.Linear(5, 3))


class Detached(nn.Sequential):
    def forward(self, x):
        return super().forward(x).detach()


def equal_weights(a, b):
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


def by_hand(model, data, sizes, *, epochs=1, seed=0, optimizer=torch.optim.Adam, stop=None):
    """The loop without anything around it; returns loss per step and right answers per epoch."""
    images, labels = data
    optimiser = optimizer(model.parameters(), lr=0.01)
    order_of = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    model.train()
    losses, right = [], []
    for _ in range(epochs):
        right.append(0)
        for batch in torch.randperm(len(images), generator=order_of).split(sizes):
            if len(losses) == stop:
                break
            scores = model(images[batch])
            loss = nn.functional.cross_entropy(scores, labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
            right[-1] += int((scores.argmax(1) == labels[batch]).sum())
    return losses, right


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, SGD])
@pytest.mark.parametrize(("dropout", "norm"), [(0.0, False), (0.5, True)])
@pytest.mark.parametrize("batch_size", [16, 33, 70, 100])  # 70 examples: odd last batches too
def test_the_weights_are_those_of_a_loop_by_hand(optimizer, dropout, norm, batch_size):
    data = made_data()
    expected, model = small_net(dropout, norm), small_net(dropout, norm)
    options = dict(epochs=3, seed=4, optimizer=optimizer)
    losses, right = by_hand(expected, data, batch_size, **options)
    history = fit(model, data, batch_size=batch_size, lr=0.01, **options)
    assert equal_weights(expected, model)
    assert history.step_loss == pytest.approx(losses, rel=1e-6)
    assert history.train_accuracy == [count / 70 for count in right]
    assert history.steps == math.ceil(70 / batch_size) == len(losses) / 3
    assert len(history) == 3 and history.test_loss == [] and not history.interrupted
    sizes = [min(batch_size, 70 - first) for first in range(0, 70, batch_size)]
    for epoch in range(3):
        steps = losses[epoch * len(sizes) : (epoch + 1) * len(sizes)]
        mean = sum(size * loss for size, loss in zip(sizes, steps, strict=True)) / 70
        assert history.train_loss[epoch] == pytest.approx(mean, rel=1e-5)


def test_a_lone_last_example_joins_the_batch_before_it_where_batches_are_normalised():
    data = made_data(65)
    model, expected = dense_net(), dense_net()
    history = fit(model, data, epochs=2, lr=0.01, batch_size=32)
    assert (history.steps, len(history.step_loss)) == (2, 4)
    by_hand(expected, data, [32, 33], epochs=2)
    assert equal_weights(model, expected)
    assert fit(small_net(), data, epochs=1, lr=0.01, batch_size=32).steps == 3


@pytest.mark.parametrize("loss", [nn.functional.cross_entropy, nn.CrossEntropyLoss()])
@pytest.mark.parametrize("kind", [torch.int32, torch.int16, torch.uint8, torch.bool])
def test_class_numbers_of_any_integer_type_work(kind, loss):
    images, labels = made_data()
    labels = labels.clamp(max=1)
    expected, model = small_net(), small_net()
    fit(expected, (images, labels), epochs=1, lr=np.float32(0.25))
    data = images, labels.to(kind)
    history = fit(model, data, data, epochs=1, lr=0.25, seed=np.int64(0), loss=loss)
    assert equal_weights(model, expected)
    assert evaluate(model, data, loss=loss).accuracy == history.test_accuracy[0] > 0


IMAGES, LABELS = made_data(10)
LEFT_OUT = torch.tensor([7] * 5 + [2, 1, 0, 1, 2])


@pytest.mark.parametrize(
    ("data", "options"),
    [
        ((IMAGES, LEFT_OUT), {"loss": nn.CrossEntropyLoss(ignore_index=7)}),
        ((IMAGES, LEFT_OUT.where(LEFT_OUT < 7, -100)), {}),
        ((IMAGES, torch.full((10, 3), 1 / 3)), {}),  # probabilities
        (
            (torch.randint(9, (20, 2)), torch.randint(3, (20,))),
            {"model": nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(8, 3))},
        ),
    ],
    ids=["left out", "left out by default", "probabilities", "integers are what the model wants"],
)
def test_data_of_other_kinds_train(data, options):
    assert (
        len(fit(**{"model": small_net(), "train": data, "epochs": 1, "lr": 0.01, **options})) == 1
    )


def test_evaluate_counts_as_by_hand():
    images, labels = made_data(300)  # more than are measured at a time
    model = small_net(dropout=0.9, norm=True)
    fit(model, (images, labels), epochs=1, lr=0.01)
    model.eval()
    with torch.no_grad():
        scores = [model(image[None])[0] for image in images]
    right = sum(int(s.argmax()) == int(y) for s, y in zip(scores, labels, strict=True))
    losses = [-s.log_softmax(0)[y].item() for s, y in zip(scores, labels, strict=True)]
    model.train()
    model[0].weight.grad = torch.full_like(model[0].weight, 3.0)
    before = copy.deepcopy(model)
    measured = evaluate(model, (images, labels))
    assert equal_weights(model, before) and (model[0].weight.grad == 3).all()
    assert measured.accuracy == right / 300 and 0 < right < 300
    assert measured.error == 1 - right / 300
    assert measured.loss == pytest.approx(sum(losses) / 300, rel=1e-5)
    assert repr(Evaluation(0.12345, 0.9)) == "loss 0.123, accuracy 90.0 %"


def test_the_test_is_measured_after_each_epoch():
    train, test = made_data(), made_data(41, seed=9)
    model, same = small_net(0.5, True), small_net(0.5, True)
    history = fit(model, train, test, epochs=3, lr=0.01)
    first = fit(same, train, epochs=1, lr=0.01)
    assert evaluate(same, test) == (history.test_loss[0], history.test_accuracy[0])
    assert first.step_loss == history.step_loss[: history.steps]
    assert evaluate(model, test) == (history.test_loss[-1], history.test_accuracy[-1])
    assert history.test_error == [1 - a for a in history.test_accuracy]
    assert history.train_error == [1 - a for a in history.train_accuracy]
    # Looking at the test changes nothing in the training.
    untested = small_net(0.5, True)
    fit(untested, train, epochs=3, lr=0.01)
    assert equal_weights(model, untested)


def test_it_learns_real_digits():
    train, test = datasets.digits()
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    past = fit(model, train, test, epochs=15, lr=0.01)
    assert past.test_accuracy[-1] > 0.93 and past.train_loss[-1] < 0.2 * past.train_loss[0]


def test_the_seed_decides_and_the_global_state_stays():
    data = made_data()

    def trained(seed, disturb):
        model = small_net(dropout=0.5)
        torch.manual_seed(disturb)
        before = torch.get_rng_state()
        fit(model, data, epochs=2, lr=0.01, seed=seed)
        assert torch.equal(before, torch.get_rng_state())
        return model

    assert equal_weights(trained(1, disturb=7), trained(1, disturb=8))
    assert not equal_weights(trained(1, disturb=7), trained(2, disturb=7))


@pytest.mark.parametrize("training", [True, False])
def test_every_module_keeps_its_mode(training):
    model = small_net(0.5, True).train(training)
    model[1].train(not training)  # a mixture survives
    modes = [module.training for module in model.modules()]
    data = made_data()
    seen = []
    model[5].register_forward_hook(lambda module, inputs, output: seen.append(module.training))
    fit(model, data, data, epochs=1, lr=0.01, batch_size=70)
    assert seen == [True, False]  # trained in train mode, tested in eval mode
    assert [module.training for module in model.modules()] == modes
    evaluate(model, data)
    assert seen == [True, False, False]
    assert [module.training for module in model.modules()] == modes


def test_frozen_parameters_stay():
    model = small_net()
    model[0].requires_grad_(False)
    frozen, free = model[0].weight.clone(), model[6].weight.clone()
    fit(model, made_data(), epochs=1, lr=0.01, optimizer=SGD)
    assert torch.equal(model[0].weight, frozen) and not torch.equal(model[6].weight, free)


def test_other_losses():
    images, _ = made_data()
    means = images.mean(dim=(1, 2, 3))[:, None]
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 1))
    past = fit(model, (images, means), epochs=30, lr=0.01, loss=nn.functional.mse_loss)
    assert past.train_loss[-1] < 0.2 * past.train_loss[0]
    assert math.isnan(past.train_accuracy[-1])


class Two(nn.Sequential):
    """Puts out a tuple while it is trained, as an Inception network does."""

    def forward(self, x):
        scores = super().forward(x)
        return (scores, -scores) if self.training else scores


def test_of_several_outputs_the_first_counts_for_the_accuracy():
    data = made_data()

    def of_first(outputs, labels):
        scores = outputs[0] if isinstance(outputs, tuple) else outputs
        return nn.functional.cross_entropy(scores, labels)

    two, one = Two(small_net()), small_net()
    past = fit(two, data, data, epochs=1, lr=0.01, loss=of_first)
    assert past.train_accuracy == fit(one, data, epochs=1, lr=0.01).train_accuracy
    assert equal_weights(two[0], one)


# Stopped on the way


class Stops(nn.Module):
    """Calls `stop` in the forward pass of one training step, counted from 0."""

    def __init__(self, net, at, stop):
        super().__init__()
        self.net, self.at, self.stop, self.calls = net, at, stop, 0

    def forward(self, x):
        if self.training:
            self.calls += 1
            if self.calls == self.at + 1:
                self.stop()
        return self.net(x)


def interrupt():
    signal.raise_signal(signal.SIGINT)


def interrupt_from_another_process():
    os.kill(os.getpid(), signal.SIGINT)


def raise_interrupt():
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("stop", "complete"),
    [
        (interrupt, 7),  # the stop button: this step is completed
        (interrupt_from_another_process, 7),
        (raise_interrupt, 6),  # raised within the step, which never was
    ],
)
def test_an_interrupt_leaves_a_model_between_two_steps(stop, complete):
    data = made_data()  # 5 steps an epoch
    model = Stops(small_net(), 6, stop).eval()
    handler = signal.getsignal(signal.SIGINT)
    history = fit(model, data, data, epochs=4, lr=0.01, batch_size=16)
    assert signal.getsignal(signal.SIGINT) is handler
    assert history.interrupted == f"in epoch 2 of 4, after {complete - 5} of 5 steps"
    assert len(history) == len(history.test_loss) == 1 and len(history.step_loss) == 5
    assert repr(history).startswith(f"Interrupted {history.interrupted}. After 1 epoch of 5 steps:")
    assert not model.training and not any(m.training for m in model.modules())
    twin = small_net()
    by_hand(twin, data, 16, epochs=2, stop=complete)
    assert equal_weights(twin, model.net)
    # And both are of use: evaluated, trained further.
    assert 0 <= evaluate(model, data).accuracy <= 1
    assert len(fit(model, data, epochs=1, lr=0.01)) == 1


def test_a_second_interrupt_does_not_wait():
    def twice():
        interrupt()
        interrupt()
        raise AssertionError("the second interrupt was held back too")

    history = fit(Stops(small_net(), 0, twice), made_data(), epochs=2, lr=0.01)
    assert history.interrupted == "in epoch 1 of 2, after 0 of 2 steps"
    assert repr(history) == f"Interrupted {history.interrupted}. No epoch was completed."
    assert "<svg" in history._repr_html_()


def test_another_error_is_not_swallowed_and_cleans_up():
    def fail():
        raise RuntimeError("broken layer")

    model = Stops(small_net(), 1, fail).eval()
    handler, state = signal.getsignal(signal.SIGINT), torch.get_rng_state()
    with pytest.raises(RuntimeError, match="broken layer"):
        fit(model, made_data(), epochs=1, lr=0.01, batch_size=16)
    assert signal.getsignal(signal.SIGINT) is handler
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(m.training for m in model.modules())


def test_it_trains_in_a_thread_of_its_own():
    expected, model = small_net(), small_net()
    fit(expected, made_data(), epochs=1, lr=0.01)
    thread = threading.Thread(target=fit, args=(model, made_data()), kwargs=dict(epochs=1, lr=0.01))
    thread.start()
    thread.join()
    assert equal_weights(expected, model)


@pytest.mark.parametrize("step", [1, 3, 20])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_explained(step, bad):
    calls = []

    def loss(outputs, labels):
        calls.append(1)
        value = nn.functional.cross_entropy(outputs, labels)
        return value * bad if len(calls) == 35 + step else value

    with pytest.raises(TrainingDiverged) as caught:
        fit(small_net(), made_data(), epochs=9, lr=0.25, batch_size=2, loss=loss)
    message = str(caught.value)
    assert f"became {bad} in epoch 2, step {step} of 35, with lr = 0.25" in message
    assert "try lr = 0.025" in message
    assert len(calls) <= 35 + 16 * math.ceil(step / 16)  # found soon, not at the end of the epoch
    assert isinstance(caught.value, FloatingPointError)


def test_a_learning_rate_far_too_high_diverges():
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Linear(16, 3))  # no ReLU to die
    with pytest.raises(TrainingDiverged, match=r"lr = 1000\. .* try lr = 100\."):
        fit(model, made_data(), epochs=20, lr=1000, optimizer=SGD)


# Arguments


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs must be an integer >= 1, got 0"),
        ({"epochs": 1.5}, "epochs must be an integer >= 1, got 1.5"),
        ({"epochs": True}, "epochs must be an integer >= 1, got True"),
        ({"batch_size": 0}, "batch_size must be an integer >= 1, got 0"),
        ({"seed": -1}, "seed must be an integer from 0 to 9223372036854775807, got -1"),
        ({"lr": 0}, "lr must be a number > 0, got 0"),
        ({"lr": math.nan}, "lr must be a number > 0, got nan"),
        ({"lr": math.inf}, "lr must be a number > 0, got inf"),
        ({"lr": "fast"}, "lr must be a number > 0, got 'fast'"),
        ({"optimizer": "adam"}, "optimizer must be called as optimizer(parameters, lr=lr)"),
        ({"device": "toaster"}, "device must be here, as 'cpu' is, got 'toaster'"),
        ({"live": "yes"}, "live must be one of True, False, None, got 'yes'"),
        ({"model": "net"}, "model must be a torch.nn.Module, got str"),
        ({"model": nn.Flatten()}, "model must have weights that need a gradient, got none"),
        ({"train": IMAGES}, "train must be a pair (images, labels) of tensors, got (Tensor)"),
        ({"train": (IMAGES, [1, 2])}, "of tensors, got (Tensor, list)"),
        ({"train": (IMAGES, LABELS[:9])}, "got 10 images and 9 labels"),
        ({"train": (IMAGES[:0], LABELS[:0])}, "at least one, got 0 images and 0 labels"),
        ({"test": (IMAGES, LABELS[:9])}, "test must hold as many labels as images"),
        ({"train": (IMAGES * math.nan, LABELS)}, "the images of train must be finite"),
        ({"seed": 2**70}, "seed must be an integer from 0 to 92233"),
        ({"lr": True}, "lr must be a number > 0, got True"),
        ({"lr": np.float32(-1)}, "lr must be a number > 0, got "),
        ({"train": ((IMAGES * 100).byte(), LABELS)}, "got torch.uint8; images / 255 makes them so"),
        ({"train": (IMAGES.double(), LABELS)}, "train must be torch.float32 as the weights"),
        ({"train": (IMAGES > 1, LABELS)}, "got torch.bool; images.to(torch.float32)"),
        ({"train": (IMAGES[:, 0], LABELS)}, "must be (N, C, H, W), got (10, 8, 8) for a batch"),
        ({"test": (IMAGES.double(), LABELS)}, "test must be as those of train, torch.float32"),
        ({"test": (IMAGES[0], LABELS[:1])}, "got torch.float32 (1, 8, 8)"),
        ({"train": (IMAGES, LABELS.float())}, "train must be class numbers for the loss cross_ent"),
        ({"test": (IMAGES, LABELS.double())}, "got torch.float64; labels.long() makes"),
        ({"train": (IMAGES, LABELS[:, None])}, "one class number for each image, got (10, 1)"),
        ({"train": (IMAGES, LABELS + 1)}, "from 0 to 2, since the model puts out 3 scores; got 1"),
        ({"train": (IMAGES, LABELS - 1)}, "got -1 to 1"),
        ({"test": (IMAGES, LABELS + 1)}, "the labels of test must be class numbers from 0 to 2"),
        ({"loss": nn.CrossEntropyLoss(), "train": (IMAGES, LABELS + 1)}, "numbers from 0 to 2"),
        ({"model": dense_net(), "batch_size": 1}, "batch_size must be at least 2, and so must"),
        ({"model": dense_net(), "train": (IMAGES[:1], LABELS[:1])}, "got a batch of 1"),
        ({"model": Detached(small_net())}, "model must put out scores from which a gradient"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(change, message):
    model = small_net()
    before = copy.deepcopy(model)
    arguments = {"model": model, "train": (IMAGES, LABELS), "epochs": 1, "lr": 0.01, **change}
    with pytest.raises(ValueError, match=re.escape(message)):
        fit(**arguments)
    assert equal_weights(model, before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": (IMAGES, None)}, "data must be a pair (images, labels) of tensors"),
        ({"model": None}, "model must be a torch.nn.Module, got NoneType"),
        ({"data": (IMAGES, LABELS + 1)}, "the labels of data must be class numbers from 0 to 2"),
        ({"data": ((IMAGES * 100).byte(), LABELS)}, "data must be torch.float32"),
    ],
)
def test_bad_arguments_of_evaluate_are_named(change, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        evaluate(**{"model": small_net(), "data": (IMAGES, LABELS), **change})


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_is_used_alike():
    train = made_data()
    here, there = small_net(), small_net()
    expected = fit(here, train, train, epochs=2, lr=0.01, device="cpu")
    history = fit(there, train, train, epochs=2, lr=0.01, device="cuda")
    assert next(there.parameters()).is_cuda
    assert history.train_loss == pytest.approx(expected.train_loss, rel=1e-3)
    assert evaluate(there, train).accuracy == history.test_accuracy[-1]


# What is shown


TWO_EPOCHS = dict(
    step_loss=[2.0, 1.0, 0.6, 0.5, 0.4, 0.3], train_loss=[1.2, 0.4], train_accuracy=[0.5, 0.875]
)
TESTED = dict(test_loss=[1.1, 0.5], test_accuracy=[0.4, 0.75])
NO_CLASSES = dict(train_accuracy=[math.nan] * 2, test_accuracy=[math.nan] * 2)


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        (TWO_EPOCHS, "After 2 epochs of 3 steps: training loss 0.400, training error 12.5 %."),
        (
            TWO_EPOCHS | TESTED | {"name": "a < b", "interrupted": "in epoch 3"},
            "a < b. Interrupted in epoch 3. After 2 epochs of 3 steps: training loss 0.400, "
            "training error 12.5 %, test error 25.0 %.",
        ),
        (
            TWO_EPOCHS | TESTED | NO_CLASSES,
            "After 2 epochs of 3 steps: training loss 0.400, test loss 0.500.",
        ),
        ({"interrupted": "at once"}, "Interrupted at once. No epoch was completed."),
    ],
)
def test_the_text_of_a_history(lists, expected):
    past = History(2, 3, **lists)
    assert repr(past) == expected
    html = ElementTree.fromstring(f"<p>{past._repr_html_()}</p>")
    assert html.find("*").get("aria-label") == f"Curves. {expected}"
    assert html.find("div").text == expected
    assert "nan" not in past._repr_html_()


def curves(*arguments):
    """The points of every curve: shares of the width and of the height of its frame."""
    svg = ElementTree.fromstring(shown_as.curves(*arguments))
    paths = [p for p in svg.iter("{http://www.w3.org/2000/svg}path") if p.get("stroke-linecap")]
    lines = [[tuple(map(float, p.split())) for p in path.get("d")[1:].split("L")] for path in paths]
    return [
        [pytest.approx(((x - left) / 300, (178 - y) / 150), abs=1e-3) for x, y in line]
        for line, left in zip(lines, (52, 422, 422), strict=False)
    ]


def test_the_curves_show_the_numbers():
    loss, train, test = curves(History(2, 3, **TWO_EPOCHS, **TESTED), [2, 1, 0.5])
    assert loss == [(1 / 6, 1), (2 / 6, 0.5), (3 / 6, 0.25)]  # three of six steps are done
    # Errors 50 and 12.5 % in training, 60 and 25 % in the test; 60 % is the top of the frame.
    assert train == [(0.5, 50 / 60), (1, 12.5 / 60)]
    assert test == [(0.5, 1), (1, 25 / 60)]


def test_long_curves_are_averaged():
    (loss,) = curves(History(1, 1000), [float(step) for step in range(1, 1001)])
    assert len(loss) == math.ceil(1000 / 9) <= 120
    assert (loss[0], loss[1]) == ((5 / 1000, 5 / 996), (14 / 1000, 14 / 996))


def test_the_live_view_follows_and_leaves_one_line(monkeypatch):
    shown, bars, pictures = [], [], []
    monkeypatch.setattr("IPython.get_ipython", lambda: type("Shell", (), {"kernel": 1})())
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    monkeypatch.setattr(shown_as, "_PERIOD", 0.0)
    boxes = []
    vbox = ipywidgets.VBox

    def made(children):
        line, bar, picture = children
        bar.observe(lambda change: bars.append(change.new), "value")
        picture.observe(lambda change: pictures.append((line.value, change.new)), "value")
        boxes.append(vbox(children))
        return boxes[-1]

    monkeypatch.setattr("ipywidgets.VBox", made)
    data = made_data()
    expected, model = small_net(), small_net()
    options = dict(epochs=2, lr=0.01, batch_size=16)
    fit(expected, data, data, **options, live=False)
    assert not boxes and not shown
    past = fit(model, data, data, **options, name="5 < 7")  # a notebook is attached
    assert equal_weights(expected, model)
    ((bundle,), (box,)) = shown, boxes
    assert bundle["text/plain"] == "Training of 5 < 7: 2 epochs of 5 steps."
    assert "Training of 5 &lt; 7: 2 epochs of 5 steps." in bundle["text/html"]
    assert box.model_id == bundle["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert bars == list(range(1, 11))
    assert "5 &lt; 7. Epoch 2 of 2, loss" in pictures[-1][0]
    assert all(picture.startswith("<svg") for _, picture in pictures)
    (line,) = box.children
    assert repr(past).replace("<", "&lt;") in line.value


def test_the_live_view_is_redrawn_a_few_times_a_second(monkeypatch):
    drawn = []
    monkeypatch.setattr(shown_as, "curves", lambda *_: drawn.append(1) or "<svg/>")
    clock = iter(range(10_000))
    monkeypatch.setattr(shown_as.time, "monotonic", lambda: next(clock) * 0.01)
    fit(small_net(), made_data(), epochs=10, lr=0.01, batch_size=7, live=True)  # 100 steps, 1 s
    assert len(drawn) == 3


def test_no_view_without_a_notebook(monkeypatch, capsys):
    monkeypatch.setattr("ipywidgets.VBox", None)
    fit(small_net(), made_data(), epochs=1, lr=0.01)
    assert capsys.readouterr() == ("", "")
