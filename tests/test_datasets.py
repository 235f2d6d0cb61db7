"""Digits, seagulls and the photograph: complete, in range, the same on every machine."""

import hashlib

import numpy as np
import pytest
import torch

from course_utils.datasets import digits, photograph, seagulls
from course_utils.datasets import files as data_files

PER_CLASS = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]  # UCI, test part
SPLIT = "d0a4ea1a033581bb04a91e8a685e647cde4ba6311904653cdc419843038a4597"


def counts(part):
    return torch.bincount(part[1], minlength=10).tolist()


def as_rows(images):
    return [image.numpy().tobytes() for image in images]


def test_every_scan_is_used_once_and_none_is_in_both_parts():
    with np.load(data_files.DATA / "digits.npz", allow_pickle=False) as arrays:
        scans = as_rows(torch.from_numpy(arrays["images"])[:, None].float() / 16)
    train, test = digits()
    assert train[0].shape == (1347, 1, 8, 8) and test[0].shape == (450, 1, 8, 8)
    assert len(set(scans)) == len(scans) == 1797  # no scan occurs twice, so overlap would show
    assert sorted(as_rows(train[0]) + as_rows(test[0])) == sorted(scans)
    assert [a + b for a, b in zip(counts(train), counts(test), strict=True)] == PER_CLASS


@pytest.mark.parametrize("seed", [0, 1])
def test_every_class_gives_a_quarter_to_the_test_part(seed):
    _, test = digits(seed=seed)
    assert counts(test) == [round(count / 4) for count in PER_CLASS]


def test_the_default_split_is_fixed_and_the_seed_changes_it():
    (_, (images, labels)), (_, (others, _)) = digits(), digits(seed=1)
    content = (images * 16).to(torch.uint8).numpy().tobytes() + labels.numpy().tobytes()
    assert hashlib.sha256(content).hexdigest() == SPLIT
    assert not torch.equal(images, others)


def test_the_global_random_state_is_left_alone():
    np.random.seed(5)
    torch.manual_seed(5)
    expected = np.random.rand(), torch.rand(())
    np.random.seed(5)
    torch.manual_seed(5)
    digits(seed=3)
    assert (np.random.rand(), torch.rand(())) == expected


@pytest.mark.parametrize("size", [8, 16, np.int64(24)])
def test_sizes_types_and_range(size):
    for images, labels in digits(size):
        assert images.shape == (len(labels), 1, size, size)
        assert images.dtype == torch.float32 and labels.dtype == torch.int64
        assert images.min() == 0 and 0.9 < images.max() <= 1


def test_larger_scans_are_smooth_and_keep_the_mean():
    small, smooth = digits()[0][0], digits(16)[0][0]
    repeated = small.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    inner = (..., slice(2, 14), slice(2, 14))  # at the border bilinear repeats the edge
    assert not torch.equal(smooth, repeated)
    assert (smooth[inner].mean() - repeated[inner].mean()).abs() < 0.01


SIZE = "size must be an integer from 8 to 256, got"


@pytest.mark.parametrize(
    ("load", "arguments", "message"),
    [
        *((digits, {"size": size}, SIZE) for size in (7, 264, 8.0, True)),
        (digits, {"size": 12}, "size must be a multiple of 8 from 8 to 256, got 12"),
        *((digits, {"seed": n}, "seed must be an integer from 0 to 42949672") for n in (-1, 2**32)),
        (seagulls, {"share": float("nan")}, "share must be a number from 0 to 1, got nan"),
        (seagulls, {"count": 0}, "count must be an integer >= 1, got 0"),
        (seagulls, {"size": 16}, "size must be an integer from 24 to 128, got 16"),
        (seagulls, {"share": -0.1}, "share must be a number from 0 to 1, got -0.1"),
        (seagulls, {"seed": "a"}, "seed must be an integer from 0 to 4294967295, got 'a'"),
        *((photograph, {"size": n}, "size must be an integer from 32 to 512") for n in (31, 513)),
    ],
)
def test_arguments_out_of_range_are_refused(load, arguments, message):
    with pytest.raises(ValueError, match=message):
        load(**arguments)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the data folder that a test may damage."""
    for name in ("manifest.json", "digits.npz"):
        (tmp_path / name).write_bytes((data_files.DATA / name).read_bytes())
    monkeypatch.setattr(data_files, "DATA", tmp_path)
    return tmp_path


def test_a_damaged_or_missing_file_is_told_with_a_remedy(folder):
    path, (sha256, size) = folder / "digits.npz", data_files.manifest()["digits.npz"]
    good = path.read_bytes()
    flipped = good[:1000] + bytes([good[1000] ^ 1]) + good[1001:]
    for content in (flipped, good[:1000], good + b"\0"):  # NumPy would still read the last
        path.write_bytes(content)
        with pytest.raises(data_files.DataFileError) as caught:
            digits()
        message = str(caught.value)
        assert f"expected {size} bytes with SHA-256 {sha256}" in message
        assert f"found {len(content)} bytes with SHA-256 " in message
        assert message.endswith("git checkout -- data/digits.npz")
    path.unlink()
    with pytest.raises(data_files.DataFileError, match="digits.npz is missing: there is no "):
        digits()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"files": [{"name": "digits.npz"}]}', None])
def test_a_damaged_or_missing_manifest_is_told_with_a_remedy(folder, content):
    path = folder / "manifest.json"
    path.unlink() if content is None else path.write_text(content, encoding="utf-8")
    with pytest.raises(data_files.DataFileError, match=r"manifest\.json cannot be read .*checkout"):
        digits()


def test_seagulls_are_pictures_presence_and_position():
    images, presence, position = seagulls(30, size=48, seed=1)
    assert images.shape == (30, 3, 48, 48) and images.dtype == torch.float32
    assert images.min() >= 0 and images.max() <= 1
    assert presence.dtype == torch.int64 and sorted(presence.tolist()) == [0] * 15 + [1] * 15
    assert position.shape == (30, 2) and position.dtype == torch.float32
    there = presence == 1
    assert torch.equal(position.isnan().any(dim=1), ~there)
    assert (position[there] >= 0.2 * 48 - 0.5).all() and (position[there] <= 0.8 * 48 - 0.5).all()
    again, other = (seagulls(30, size=48, seed=seed) for seed in (1, 2))
    assert torch.equal(again.images, images) and not torch.equal(other.images, images)


def test_centred_seagulls_are_in_the_middle_and_the_share_is_exact():
    centred = seagulls(20, centred=True, share=0.25, seed=3)
    assert centred.presence.sum() == 5
    assert (centred.position[centred.presence == 1] - 15.5).abs().max() <= 0.03 * 32 + 1e-4


@pytest.mark.parametrize("size", [32, np.int64(227), 512])
def test_the_photograph_is_a_square_of_colours(size):
    image = photograph(size)
    assert image.shape == (1, 3, size, size) and image.dtype == torch.float32
    assert 0 <= image.min() < 0.05 and 0.95 < image.max() <= 1
    # The way up, and not mirrored: the sky behind is light, the uniform dark, the flag on the left.
    sky, uniform = image[0, 2, size // 20, -1], image[0, 2, int(0.8 * size), int(0.3 * size)]
    assert sky > 0.5 > 0.2 > uniform
    blueness = (image[0, 2] - image[0, 0])[: size // 2]
    assert blueness[:, -size // 8 :].mean() > 0.2 > blueness[:, : size // 4].mean()


def test_the_photograph_at_full_size_is_the_file_of_matplotlib():
    from matplotlib import cbook, image

    pixels = image.imread(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
    rows = (photograph(512)[0].permute(1, 2, 0) * 255).round().byte().numpy()
    assert any(np.array_equal(rows, pixels[r : r + 512]) for r in range(89))


def test_a_matplotlib_without_its_samples_is_explained(monkeypatch):
    from matplotlib import cbook

    monkeypatch.setattr(cbook, "get_sample_data", lambda *a, **k: "/nowhere/grace_hopper.jpg")
    with pytest.raises(FileNotFoundError, match="this matplotlib has no sample data"):
        photograph()
