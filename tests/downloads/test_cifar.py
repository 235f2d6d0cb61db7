"""CIFAR-10's binary version: read without unpickling, and an archive that lies is refused."""

import gzip
import io
import tarfile

import numpy as np
import pytest
import torch

from course_utils.downloads import cifar
from course_utils.downloads.cifar import _members, _pair, cifar10, parse_batch
from course_utils.downloads.fetching import DownloadError

NAMES = (*cifar._TRAIN, *cifar._TEST)
COUNT = 6  # pictures per file here; 10,000 in the real one


def batch(seed):
    random = np.random.RandomState(seed)
    rows = random.randint(0, 256, (COUNT, 3073)).astype(np.uint8)
    rows[:, 0] = random.randint(0, 10, COUNT)
    return rows


def archive(files, folder="cifar-10-batches-bin/"):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(folder + name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return target.getvalue()


FILES = {name: batch(seed).tobytes() for seed, name in enumerate(NAMES)}


def test_pictures_and_classes():
    batches = _members(archive({"readme.html": b"hello", **FILES}), NAMES, COUNT)
    images, labels = _pair(batches[:-1])
    assert images.shape == (5 * COUNT, 3, 32, 32) and images.dtype == torch.float32
    assert labels.dtype == torch.int64
    rows = np.concatenate([batch(seed) for seed in range(5)])
    assert labels.tolist() == rows[:, 0].tolist()
    assert (images[7, 1, 0, 31] * 255).round() == rows[7, 1 + 1024 + 31]  # green, first row, last
    assert (images[-1, 2, 31, 0] * 255).round() == rows[-1, 1 + 2048 + 31 * 32]  # blue, last row
    _, test_labels = _pair(batches[-1:])
    assert test_labels.tolist() == batch(5)[:, 0].tolist()


def test_members_are_taken_by_name_not_by_order():
    backwards = dict(reversed(FILES.items()))
    for one, other in zip(
        _members(archive(FILES), NAMES, COUNT),
        _members(archive(backwards), NAMES, COUNT),
        strict=True,
    ):
        assert np.array_equal(one, other)


def test_nothing_outside_the_archive_is_touched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hostile = {"../../evil.bin": b"x", **FILES}
    _members(archive(hostile), NAMES, COUNT)
    assert list(tmp_path.iterdir()) == []


BAD = {
    "no archive": (b"hello", "must be a tar.gz file"),
    "cut off": (archive(FILES)[:-4000], "must be a tar.gz file"),
    "no tar inside": (gzip.compress(b"x" * 2000), "must be a tar.gz file"),
    "other folder": (archive(FILES, "elsewhere/"), "must hold data_batch_1.bin, data_batch_2"),
    "a file missing": (archive({k: v for k, v in FILES.items() if "3" not in k}), "data_batch_3"),
    "too short": (archive({**FILES, "test_batch.bin": b"x" * 100}), "bytes, it has 100"),
    "too long": (archive({**FILES, "test_batch.bin": b"\0" * 100_000}), "bytes, it has more"),
}


@pytest.mark.parametrize("case", BAD)
def test_an_archive_that_lies_is_refused(case):
    content, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        _members(content, NAMES, COUNT)


def test_a_class_above_nine_is_refused():
    rows = batch(0)
    rows[3, 0] = 10
    with pytest.raises(ValueError, match="classes from 0 to 9, got 10"):
        parse_batch(rows.tobytes(), "made", COUNT)


def test_without_the_file_the_message_says_what_to_do(tmp_path):
    with pytest.raises(DownloadError) as caught:
        cifar10(folder=tmp_path)
    message = str(caught.value)
    assert "170.1 MB" in message and "cifar-10-binary.tar.gz" in message
    assert "data/cifar10" in message and "download=True" in message
    assert list(tmp_path.iterdir()) == []


def test_another_file_under_that_name_is_refused(tmp_path):
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(archive(FILES))
    with pytest.raises(DownloadError, match="is damaged or another file"):
        cifar10(folder=tmp_path)
