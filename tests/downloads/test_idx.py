"""IDX files that lie are refused; MNIST and Fashion-MNIST arrive as the lessons expect them."""

import gzip
import hashlib
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from course_utils.downloads import idx
from course_utils.downloads.fetching import DownloadError
from course_utils.downloads.idx import FASHION_MNIST, MNIST, parse_idx, read_idx

CODES = {np.uint8: 0x08, np.int8: 0x09, ">i2": 0x0B, ">i4": 0x0C, ">f4": 0x0D, ">f8": 0x0E}


def idx_bytes(values, code=0x08):
    lengths = np.array(values.shape, ">u4").tobytes()
    return bytes([0, 0, code, values.ndim]) + lengths + values.tobytes()


@pytest.mark.parametrize("kind", CODES)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_what_is_written_is_read(kind, data):
    shapes = hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5)
    values = data.draw(hnp.arrays(np.dtype(kind), shapes))
    found = parse_idx(idx_bytes(values, CODES[kind]), "made")
    assert found.dtype == np.dtype(kind).newbyteorder("=")
    assert np.array_equal(found, values, equal_nan=np.dtype(kind).kind == "f")


@pytest.mark.parametrize("pack", [False, True])
def test_read_idx_takes_both_forms_whatever_their_name(tmp_path, pack):
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    content = idx_bytes(values)
    path = tmp_path / "digits"
    path.write_bytes(gzip.compress(content) if pack else content)
    found = read_idx(path)
    assert np.array_equal(found, values)
    found[0] = 7  # an array of one's own
    assert np.array_equal(read_idx(str(path)), values)


GOOD = idx_bytes(np.zeros((2, 3), np.uint8))
HUGE = bytes([0, 0, 8, 3]) + b"\xff" * 12 + bytes(6)
BAD = {
    "empty": (b"", "begins with two zero bytes.*it begins with nothing"),
    "three bytes": (b"\0\0\x08", "it begins with 00 00 08"),
    "wrong magic": (b"\x01" + GOOD[1:], "it begins with 01 00 08 02"),
    "a web page": (b"<html>not found</html>", "it begins with 3c 68 74 6d"),
    "unknown type": (GOOD[:2] + b"\x0a" + GOOD[3:], "type among 0x08.*, got 0x0a"),
    "no axes": (bytes([0, 0, 8, 0]), "1 to 8 axes with a length each, got 0 axes"),
    "too many axes": (bytes([0, 0, 8, 9]) + bytes(36), "got 9 axes"),
    "lengths cut off": (GOOD[:9], "got 2 axes in a file of 9 bytes"),
    "one number short": (GOOD[:-1], "2 x 3 numbers are 6 bytes, it holds 5"),
    "one number more": (GOOD + b"\0", "2 x 3 numbers are 6 bytes, it holds 7"),
    "lies about its size": (HUGE, "4294967295 x 4294967295 x 4294967295 numbers are"),
    "wrong type for its size": (GOOD[:2] + b"\x0d" + GOOD[3:], "are 24 bytes, it holds 6"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("pack", [False, True])
def test_a_file_that_lies_is_refused(tmp_path, case, pack):
    content, message = BAD[case]
    path = tmp_path / "bad"
    path.write_bytes(gzip.compress(content) if pack else content)
    with pytest.raises(ValueError, match=message) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


def test_a_gzip_that_is_cut_off_is_refused(tmp_path):
    path = tmp_path / "bad.gz"
    path.write_bytes(gzip.compress(idx_bytes(np.arange(200, dtype=np.uint8)))[:-20])
    with pytest.raises(ValueError, match="must be complete gzip data"):
        read_idx(path)


@pytest.fixture
def stored(tmp_path, small_set):
    """The small set on the disk, and how to load it."""
    arrays, files, collection = small_set
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)

    def load(size=28, counts=(60, 20)):
        return idx._load(collection("http://127.0.0.1:9/"), size, False, tmp_path, None, counts)

    return list(arrays.values()), load


def test_images_and_labels(stored):
    (train_images, train_labels, test_images, test_labels), load = stored
    parts = (train_images, train_labels), (test_images, test_labels)
    for (images, labels), (pixels, classes) in zip(load(), parts, strict=True):
        assert images.dtype == torch.float32 and labels.dtype == torch.int64
        assert images.shape == (len(pixels), 1, 28, 28)
        assert np.array_equal((images[:, 0] * 255).round().numpy(), pixels)
        assert np.array_equal(labels.numpy(), classes)
        assert images.min() >= 0 and images.max() <= 1


def test_size_32_adds_a_margin_of_paper(stored):
    _, load = stored
    (small, _), _ = load()
    (large, _), _ = load(32)
    assert large.shape[1:] == (1, 32, 32)
    assert torch.equal(large[:, :, 2:-2, 2:-2], small)
    assert large.sum() == pytest.approx(small.sum())


@pytest.mark.parametrize("size", [0, 8, 27, 30, 28.0, "28", True, None])
def test_a_bad_size_is_named(size):
    for load in (idx.mnist, idx.fashion_mnist):
        with pytest.raises(ValueError, match=re.escape("size must be 28, or 32 for a margin")):
            load(size)


def test_other_counts_than_expected_are_refused(stored):
    with pytest.raises(ValueError, match="must have 61 images of 28 x 28 and as many labels, got"):
        stored[1](counts=(61, 20))


@pytest.mark.parametrize(
    ("load", "size", "folder"),
    [(idx.mnist, "11.6 MB", "data/mnist"), (idx.fashion_mnist, "30.9 MB", "data/fashion_mnist")],
)
def test_without_the_files_the_message_says_what_to_do(tmp_path, load, size, folder):
    with pytest.raises(DownloadError) as caught:
        load(folder=tmp_path)
    message = str(caught.value)
    assert size in message and folder in message and "download=True" in message
    assert "train-images-idx3-ubyte.gz" in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("collection", [MNIST, FASHION_MNIST], ids=lambda c: c.name)
def test_the_addresses_and_checksums_are_whole(collection):
    assert all(re.fullmatch(r"https?://\S+/", mirror) for mirror in collection.mirrors)
    assert len(collection.mirrors) >= 2
    for file in collection.files:
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert re.fullmatch("([0-9a-f]{64})?", file.unpacked)
        assert len(hashlib.sha256().hexdigest()) == len(file.sha256) and file.size > 0
