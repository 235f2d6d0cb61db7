"""The digits: complete, split without overlap, in range, the same on every machine."""

import hashlib

import numpy as np
import pytest
import torch

from course_utils.datasets import digits, photograph, seagulls
from course_utils.datasets import files as data_files

PER_CLASS = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]  # UCI, test part
IN_TEST = [44, 46, 44, 46, 45, 46, 45, 45, 44, 45]  # round(0.25 * count)


def counts(part):
    return torch.bincount(part[1], minlength=10).tolist()


def as_rows(images):
    return [image.numpy().tobytes() for image in images]


def test_shapes_types_and_counts():
    train, test = digits()
    assert train[0].shape == (1347, 1, 8, 8)
    assert test[0].shape == (450, 1, 8, 8)
    for images, labels in (train, test):
        assert images.dtype == torch.float32
        assert labels.dtype == torch.int64
        assert len(images) == len(labels)
    assert counts(test) == IN_TEST
    assert [a + b for a, b in zip(counts(train), counts(test), strict=True)] == PER_CLASS


def test_every_scan_is_used_once_and_none_is_in_both_parts():
    with np.load(data_files.DATA / "digits.npz", allow_pickle=False) as arrays:
        scans = as_rows(torch.from_numpy(arrays["images"])[:, None].float() / 16)
    train, test = digits()
    assert len(set(scans)) == len(scans) == 1797  # no scan occurs twice, so overlap would show
    assert sorted(as_rows(train[0]) + as_rows(test[0])) == sorted(scans)


def test_the_default_split_is_fixed():
    _, (images, labels) = digits()
    content = (images * 16).to(torch.uint8).numpy().tobytes() + labels.numpy().tobytes()
    assert (
        hashlib.sha256(content).hexdigest()
        == "d0a4ea1a033581bb04a91e8a685e647cde4ba6311904653cdc419843038a4597"
    )


def test_the_seed_changes_the_split_and_nothing_else():
    first, again, other = digits(), digits(seed=0), digits(seed=1)
    for part, same in zip(first, again, strict=True):
        assert torch.equal(part[0], same[0])
        assert torch.equal(part[1], same[1])
    assert not torch.equal(first[1][0], other[1][0])
    assert counts(other[1]) == IN_TEST


def test_the_global_random_state_is_left_alone():
    np.random.seed(5)
    torch.manual_seed(5)
    expected = np.random.rand(), torch.rand(())
    np.random.seed(5)
    torch.manual_seed(5)
    digits(seed=3)
    assert (np.random.rand(), torch.rand(())) == expected


@pytest.mark.parametrize("size", [8, 16, 32, np.int64(24)])
def test_sizes_and_range(size):
    for images, _ in digits(size):
        assert images.shape[1:] == (1, size, size)
        assert images.dtype == torch.float32
        assert images.min() == 0
        assert 0.9 < images.max() <= 1


def test_larger_scans_keep_the_mean():
    small, smooth = digits(), digits(16)
    repeated = small[0][0].repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    inner = slice(2, 14)  # away from the border, where bilinear repeats the edge
    assert not torch.equal(smooth[0][0], repeated)
    difference = smooth[0][0][..., inner, inner].mean() - repeated[..., inner, inner].mean()
    assert difference.abs() < 0.01
    assert torch.equal(small[0][1], smooth[0][1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *(({"size": n}, "size must be an integer from 8 to 256, got") for n in (0, 7, -8, 264)),
        *(({"size": n}, "size must be an integer from 8 to 256, got") for n in (8.0, "8", True)),
        ({"size": 12}, "size must be a multiple of 8 from 8 to 256, got 12"),
        *(({"seed": n}, "seed must be an integer from 0 to 4294967295") for n in (-1, 2**32, 0.5)),
    ],
)
def test_digits_refuse_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        digits(**arguments)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the data folder that a test may damage."""
    for name in ("manifest.json", "digits.npz"):
        (tmp_path / name).write_bytes((data_files.DATA / name).read_bytes())
    monkeypatch.setattr(data_files, "DATA", tmp_path)
    return tmp_path / "digits.npz"


def test_a_damaged_or_missing_file_is_told_with_a_remedy(folder):
    good, (sha256, size) = folder.read_bytes(), data_files.manifest()["digits.npz"]
    flipped = bytearray(good)
    flipped[len(flipped) // 2] ^= 1
    for content in (bytes(flipped), good[:1000], good + b"\0"):  # NumPy would still read the last
        folder.write_bytes(content)
        with pytest.raises(data_files.DataFileError) as caught:
            digits()
        message = str(caught.value)
        assert f"expected {size} bytes with SHA-256 {sha256}" in message
        assert f"found {len(content)} bytes with SHA-256 " in message
        assert message.endswith("git checkout -- data/digits.npz")
    folder.unlink()
    with pytest.raises(data_files.DataFileError, match="digits.npz is missing: there is no "):
        digits()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"files": [{"name": "digits.npz"}]}', None])
def test_a_damaged_or_missing_manifest_is_told_with_a_remedy(folder, content):
    path = folder.with_name("manifest.json")
    path.unlink() if content is None else path.write_text(content, encoding="utf-8")
    with pytest.raises(data_files.DataFileError, match=r"manifest\.json (is m|cannot).*checkout"):
        digits()


def test_seagulls_are_pictures_presence_and_position():
    images, presence, position = gulls = seagulls(30, size=48, seed=1)
    assert images.shape == (30, 3, 48, 48) and images.dtype == torch.float32
    assert images.min() >= 0 and images.max() <= 1
    assert presence.dtype == torch.int64 and sorted(presence.tolist()) == [0] * 15 + [1] * 15
    assert position.shape == (30, 2) and position.dtype == torch.float32
    there = presence == 1
    assert torch.equal(position.isnan().any(dim=1), ~there)
    assert (position[there] >= 0.2 * 48 - 0.5).all() and (position[there] <= 0.8 * 48 - 0.5).all()
    again = seagulls(30, size=48, seed=1)
    assert torch.equal(gulls.images, again.images)
    assert torch.equal(gulls.position[there], again.position[there])
    assert not torch.equal(images, seagulls(30, size=48, seed=2).images)


def test_centred_seagulls_are_in_the_middle_and_the_share_is_exact():
    centred = seagulls(20, centred=True, share=0.25, seed=3)
    assert centred.presence.sum() == 5
    assert (centred.position[centred.presence == 1] - 15.5).abs().max() <= 0.03 * 32 + 1e-4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "count must be an integer >= 1, got 0"),
        ({"size": 16}, "size must be an integer from 24 to 128, got 16"),
        ({"size": 200}, "size must be an integer from 24 to 128, got 200"),
        ({"share": -0.1}, "share must be a number from 0 to 1, got -0.1"),
        ({"seed": "a"}, "seed must be an integer from 0 to 4294967295, got 'a'"),
    ],
)
def test_seagulls_refuse_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        seagulls(**{"count": 4, **arguments})


@pytest.mark.parametrize("size", [32, 224, np.int64(227), 512])
def test_the_photograph_is_a_square_of_colours(size):
    image = photograph(size)
    assert image.shape == (1, 3, size, size)
    assert image.dtype == torch.float32
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
    assert rows.tobytes() in [
        np.ascontiguousarray(pixels[r : r + 512]).tobytes() for r in range(89)
    ]


@pytest.mark.parametrize("size", [31, 513, 224.0, True, "224", None])
def test_a_photograph_of_another_size_is_refused(size):
    with pytest.raises(ValueError, match=r"size must be an integer from 32 to 512, got"):
        photograph(size)


def test_a_matplotlib_without_its_samples_is_explained(monkeypatch):
    from matplotlib import cbook

    monkeypatch.setattr(cbook, "get_sample_data", lambda *a, **k: "/nowhere/grace_hopper.jpg")
    with pytest.raises(FileNotFoundError, match="this matplotlib has no sample data"):
        photograph()
