"""Downloads from a server that fails in every way: a clear error, nothing half done."""

import gzip
import subprocess
import sys

import pytest

from course_utils.downloads import fetching
from course_utils.downloads.fetching import DownloadError, read_files, unpack

TIMES = (0.3, 0.3)


def silent(name, done, total):
    """Progress that nobody looks at."""


def get(collection, folder, **arguments):
    arguments = {"download": True, "progress": silent, "timeout": TIMES, **arguments}
    return read_files(collection, folder=folder, **arguments)


FAULTS = {
    "truncates": r"broke off after [\d,]+ of [\d,]+ bytes",
    "shorter": r"sent another file than expected \([\d,]+ of [\d,]+ bytes arrived; the SHA-256",
    "corrupts": r"sent another file than expected",
    "longer": r"sends more than the [\d,]+ bytes of the file",
    "404": "answered 404 Not Found",
    "503": "answered 503 Service Unavailable",
    "stalls": r"sent nothing for 0.3 s after [\d,]+ of [\d,]+ bytes",
    "dies": r"broke off after [\d,]+ of [\d,]+ bytes",
}


def test_a_good_server(server, small_set, tmp_path):
    arrays, files, collection = small_set
    server.files = files
    contents = get(collection(server.address), tmp_path / "new" / "folder")
    assert contents == [gzip.decompress(content) for content in files.values()]
    there = {path.name: path.read_bytes() for path in (tmp_path / "new" / "folder").iterdir()}
    assert there == files


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_a_clear_error_and_the_next_try_works(server, small_set, tmp_path, fault):
    _, files, collection = small_set
    server.files, server.behaviour = files, fault
    with pytest.raises(DownloadError, match=FAULTS[fault]) as caught:
        get(collection(server.address), tmp_path)
    message = str(caught.value)
    assert server.address in message and "download=True" in message
    assert all(name in message for name in files), "it names the files to get by hand"
    assert "data/small" in message and "https://example.org/small" in message
    assert list(tmp_path.iterdir()) == [], "nothing partial is left behind"
    server.release.set()
    server.behaviour = "good"
    assert len(get(collection(server.address), tmp_path)) == 4


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_mirror_is_followed_by_the_next(server, second_server, small_set, tmp_path, fault):
    _, files, collection = small_set
    server.files, server.behaviour, second_server.files = files, fault, files
    assert len(get(collection(server.address, second_server.address), tmp_path)) == 4
    assert len(second_server.requests) == 4


def test_no_network(small_set, tmp_path):
    _, _, collection = small_set
    with pytest.raises(DownloadError, match="cannot be reached; is there a network") as caught:
        get(collection("http://127.0.0.1:9/", "http://127.0.0.1:10/"), tmp_path)
    assert str(caught.value).count("cannot be reached") == 2
    assert list(tmp_path.iterdir()) == []


NOBODY = "http://127.0.0.1:9"  # nothing listens there


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "no safe connection: certificate verify failed: self-signed certificate; in a network "
             "with certificates of its own REQUESTS_CA_BUNDLE must name their file"),
        ({"REQUESTS_CA_BUNDLE": "/nowhere/ca.pem"},
         "no safe connection: Could not find a suitable TLS CA certificate bundle, invalid path: "
         "/nowhere/ca.pem; trusted is what the environment names, REQUESTS_CA_BUNDLE=/nowhere/"),
        ({"CURL_CA_BUNDLE": __file__}, "trusted is what the environment names, CURL_CA_BUNDLE="),
        ({"https_proxy": NOBODY}, "refused; the environment (http_proxy, https_proxy) says to go "
                                  "through the proxy http://127.0.0.1:9. Try"),
        ({"all_proxy": "http://me:secret@127.0.0.1:9"}, "through the proxy 127.0.0.1:9. Try"),
        ({"https_proxy": "http://"}, "failed (InvalidProxyURL); the environment (http_proxy, "),
    ],
)  # fmt: skip
def test_the_cause_is_named_and_not_the_network(
    safe_server, small_set, tmp_path, monkeypatch, environment, words
):
    _, files, collection = small_set
    safe_server.files = files
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DownloadError) as caught:
        get(collection(safe_server.address), tmp_path)
    message = str(caught.value)
    assert f"{safe_server.address}: " in message and words in message, message
    assert not any(w in message for w in ("is there a network", "cannot be written", "secret"))
    assert safe_server.requests == [] and list(tmp_path.iterdir()) == []


def test_a_proxy_that_will_not_pass_us_on_is_named(server, small_set, tmp_path, monkeypatch):
    monkeypatch.setenv("https_proxy", server.address)
    with pytest.raises(DownloadError, match=r"Tunnel connection failed: 501 .*proxy http://127"):
        get(small_set[2]("https://127.0.0.1:9/"), tmp_path)


def test_http_where_https_was_asked_for_is_no_matter_of_certificates(server, small_set, tmp_path):
    with pytest.raises(DownloadError, match="no safe connection: ") as caught:
        get(small_set[2](server.address.replace("http", "https")), tmp_path)
    assert "CA_BUNDLE" not in str(caught.value)


def test_a_certificate_that_is_trusted_works(
    safe_server, small_set, tmp_path, monkeypatch, certificate
):
    _, files, collection = small_set
    safe_server.files = files
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    assert len(get(collection(safe_server.address), tmp_path)) == 4


def test_nothing_is_downloaded_unasked(server, small_set, tmp_path):
    _, files, collection = small_set
    server.files = files
    with pytest.raises(DownloadError, match="Small MNIST is not complete: .* is missing") as caught:
        get(collection(server.address), tmp_path, download=False)
    assert "call the same function with download=True" in str(caught.value)
    assert server.requests == [] and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["packed", "plain"])
def test_files_that_are_there_are_used(server, small_set, tmp_path, form):
    _, files, collection = small_set
    for name, content in files.items():
        plain = form == "plain"
        target = tmp_path / (name.removesuffix(".gz") if plain else name)
        target.write_bytes(gzip.decompress(content) if plain else content)
    contents = get(collection(server.address), tmp_path)
    assert contents == [gzip.decompress(content) for content in files.values()]
    assert server.requests == []


def test_only_what_is_missing_is_fetched(server, small_set, tmp_path):
    _, files, collection = small_set
    server.files = files
    names = list(files)
    (tmp_path / names[0]).write_bytes(files[names[0]])
    (tmp_path / names[1].removesuffix(".gz")).write_bytes(gzip.decompress(files[names[1]]))
    get(collection(server.address), tmp_path)
    assert server.requests == [f"/{name}" for name in names[2:]]


def test_a_damaged_file_is_named_and_replaced_only_on_success(server, small_set, tmp_path):
    _, files, collection = small_set
    server.files = files
    get(collection(server.address), tmp_path)
    name = next(iter(files))
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(DownloadError, match=rf"{name} is damaged or another file \(4 bytes, "):
        get(collection(server.address), tmp_path, download=False)
    server.behaviour = "503"
    with pytest.raises(DownloadError, match="answered 503"):
        get(collection(server.address), tmp_path)
    assert (tmp_path / name).read_bytes() == b"mine"
    server.behaviour = "good"
    get(collection(server.address), tmp_path)
    assert (tmp_path / name).read_bytes() == files[name]


def test_a_folder_that_cannot_be_written(server, small_set, tmp_path):
    _, files, collection = small_set
    server.files = files
    (tmp_path / "taken").write_text("a file where the folder should be")
    with pytest.raises(DownloadError, match="could not be stored.*taken"):
        get(collection(server.address), tmp_path / "taken")


def test_an_interrupt_leaves_nothing_behind(server, small_set, tmp_path):
    _, files, collection = small_set
    server.files = files

    def stop(name, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(collection(server.address), tmp_path, progress=stop)
    assert list(tmp_path.iterdir()) == []
    assert len(get(collection(server.address), tmp_path)) == 4


def test_progress_is_told_and_ends_complete(server, small_set, tmp_path):
    _, files, collection = small_set
    server.files, seen = files, []
    get(collection(server.address), tmp_path, progress=lambda *step: seen.append(step))
    ends = {name: (done, total) for name, done, total in seen}
    assert ends == {name: (len(content), len(content)) for name, content in files.items()}


def test_without_a_terminal_nothing_is_printed(server, small_set, tmp_path, capfd):
    _, files, collection = small_set
    server.files = files
    get(collection(server.address), tmp_path, progress=None)
    assert capfd.readouterr() == ("", "")


def test_in_a_terminal_a_line_is_printed(server, small_set, tmp_path, capsys, monkeypatch):
    _, files, collection = small_set
    server.files = files
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    get(collection(server.address), tmp_path, progress=None)
    assert "\rtrain-images-idx3-ubyte.gz: 0.0 of 0.0 MB" in capsys.readouterr().err


def test_in_a_notebook_a_bar_is_shown_and_goes(server, small_set, tmp_path, monkeypatch):
    import IPython.display
    from ipywidgets import HBox

    _, files, collection = small_set
    server.files, shown, labels = files, [], []

    class Shell:
        kernel = object()

    monkeypatch.setattr(fetching, "_shell", Shell)
    monkeypatch.setattr(IPython.display, "display", shown.append)
    close = HBox.close
    monkeypatch.setattr(
        HBox, "close", lambda box: (labels.append(box.children[1].value), close(box))
    )
    get(collection(server.address), tmp_path, progress=None)
    assert len(shown) == 1 and isinstance(shown[0], HBox)
    assert labels == ["t10k-labels-idx1-ubyte.gz: 0.0 of 0.0 MB"]


@pytest.mark.parametrize("wrong", [1, None, "yes"])
def test_download_is_true_or_false(small_set, tmp_path, wrong):
    with pytest.raises(ValueError, match="download must be True or False, got"):
        get(small_set[2]("http://127.0.0.1:9/"), tmp_path, download=wrong)


@pytest.mark.parametrize(
    "content",
    [b"\x1f\x8b", b"no gzip", gzip.compress(bytes(100))[:-9]],
    ids=["two bytes", "no gzip", "cut off"],  # packed bytes hold the time: no two processes agree
)
def test_gzip_that_is_broken_is_refused(content):
    with pytest.raises(ValueError, match="a.gz must be complete gzip data"):
        unpack(content, "a.gz")


def test_gzip_that_would_fill_the_memory_is_refused(monkeypatch):
    monkeypatch.setattr(fetching, "_UNPACKED", 1000)
    assert unpack(gzip.compress(bytes(1000)), "a.gz") == bytes(1000)
    with pytest.raises(ValueError, match="a.gz must hold at most 1,000 bytes unpacked"):
        unpack(gzip.compress(bytes(1001)), "a.gz")


def test_importing_it_loads_nothing_large():
    code = (
        "import sys, course_utils.downloads.fetching, course_utils.downloads.idx, "
        "course_utils.downloads.cifar; "
        "print([m for m in ('torch', 'pooch', 'requests', 'ipywidgets') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
