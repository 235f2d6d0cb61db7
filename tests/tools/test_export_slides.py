"""export_slides without a browser: what is selected, refused, kept and left untouched."""

import json
import shutil
from contextlib import nullcontext

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import export_slides as export
from tools.slides import assets


def shown(html: str):
    """An output with an HTML form."""
    return new_output("display_data", data={"text/plain": "still", "text/html": html})


def slide(kind: str) -> dict:
    return {"slideshow": {"slide_type": kind}}


NOTES = "<details><summary>For the lecturer</summary>\n\nAsk first.\n</details>"
PANEL = """from course_utils.lessons.vgg.explorer import KernelStack
hidden_code = KernelStack()
hidden_code"""
LINKS = "[Next](02_next.ipynb#part-1), [another](03_other.ipynb), [data](../data/README.md)"


@pytest.fixture
def deck():
    """A notebook: title, notes, hidden and shown code, a panel, training, a question, a skip."""
    cells = [
        new_markdown_cell(f"# Made *up*\n\n{LINKS}", metadata=slide("slide")),
        new_markdown_cell(NOTES, metadata=slide("notes")),
        new_code_cell(PANEL, outputs=[shown('<div class="cnn-explorer">P</div>')]),
        new_code_cell("fit()", outputs=[shown("<div>Training: 5 epochs</div>")]),
        new_code_cell("shown_code = 2", metadata={"tags": ["show-code"]}),
        new_code_cell("ask()", outputs=[shown('<div class="cnn-quiz">Q</div>')]),
        new_code_cell("skipped_code", metadata=slide("skip")),
    ]
    return new_notebook(cells=cells)


def test_the_deck_shows_tagged_code_only_and_asks_for_nothing_remote(deck):
    page = export.render(export.prepare(deck), "01_made")
    assert "shown_code" in page
    assert "hidden_code" not in page and "skipped_code" not in page
    assert "<title>Made up</title>" in page and '<html lang="en">' in page
    assert "For the lecturer" not in page and "Ask first." in page
    assert 'src="http' not in page and 'href="http' not in page
    assert page.count("its controls work in JupyterLab") == 1
    assert 'data-panel="course_utils.lessons.vgg.explorer:KernelStack"' in page


def test_a_slide_gets_the_notes_that_name_it(deck):
    told = "- **Made *up*** Wave.\n  Twice.\n- **Other** Never.\n"
    deck.cells[1].source = NOTES.replace("Ask first.", f"Ask first.\n\n{told}")
    assert export.notes(deck) == {"Made *up*": "Wave.\n  Twice.", "Other": "Never."}
    assert [export.heading(slide) for slide in export.slides(deck)] == ["Made *up*"]
    cells = export.prepare(deck).cells
    assert [c.source for c in cells if export.slide_type(c) == "notes"] == [
        "Ask first.", "Wave.\n  Twice.",
    ]  # fmt: skip
    assert cells.index(cells[-1]) == len(deck.cells)  # a note ends its slide; one was skipped


def test_links_to_notebooks_lead_to_their_decks(deck):
    page = export.link_decks(export.render(export.prepare(deck), "01_made"), ["01_made", "02_next"])
    assert 'href="02_next.html#part-1"' in page and ">Next</a>" in page
    assert "another" in page and "03_other" not in page
    assert 'href="../data/README.md"' in page


@pytest.mark.parametrize(
    ("target", "problem"),
    [(".", "holds no earlier export"), ("thesis.txt", "must be a folder"),
     ("thesis.txt/slides", "cannot write to")],
)  # fmt: skip
def test_a_folder_that_cannot_be_replaced_or_written_is_refused(tmp_path, target, problem):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(export.ExportError, match=problem):
        export.check_target(tmp_path / target)


def test_a_deck_that_is_not_fit_is_named_and_left_out(deck, tmp_path, monkeypatch, capsys):
    paths = [tmp_path / f"{n}.ipynb" for n in ("01_good", "02_tall", "03_no_title")]
    for path in paths[:2]:
        nbformat.write(deck, path)
    nbformat.write(new_notebook(cells=[new_markdown_cell("## Two")]), paths[2])

    def problems(page, path):
        return ["02_tall, slide 2: 1280 x 741 does not fit"] if path.stem == "02_tall" else []

    monkeypatch.setattr(export.assets, "install", lambda: {})
    monkeypatch.setattr(export.browser, "find_chromium", lambda: "chromium")
    monkeypatch.setattr(export.browser, "offline_page", nullcontext)
    monkeypatch.setattr(export.browser, "problems", problems)
    monkeypatch.setattr(export, "find", lambda names: [p for p in paths if p.stem in names])
    target = tmp_path / "slides"

    def run(*names):
        code = export.main([*names, "--no-pdf", "--to", str(target)])
        return code, sorted(p.name for p in target.glob("*.html")), capsys.readouterr().err

    code, files, said = run("01_good", "02_tall", "03_no_title")
    assert code == 1 and files == ["01_good.html", "index.html"]
    assert "slide 2: 1280 x 741 does not fit" in said
    assert "03_no_title: no markdown cell with a level-one heading" in said
    code, files, said = run("02_tall")  # nothing is fit to show: the earlier export stays
    assert code == 1 and files == ["01_good.html", "index.html"] and "No slides" in said
    assert sorted(p.name for p in tmp_path.iterdir()) == [*(p.name for p in paths), "slides"]


def test_without_npm_the_error_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(assets.AssetError, match="Install Node.js"):
        assets.install(cache=tmp_path)


def test_assets_that_are_there_are_not_fetched_again(tmp_path, monkeypatch):
    recipe = json.loads(assets.MANIFEST.read_text(encoding="utf-8"))["assets"]
    for name, version in assets.packages().items():
        folder = tmp_path / f"{name.replace('/', '-').lstrip('@')}-{version}"
        for kept in recipe[name]["files"].values():
            (folder / kept).parent.mkdir(parents=True, exist_ok=True)
            (folder / kept).touch()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert set(assets.install(cache=tmp_path)) == set(assets.packages())


def test_every_package_has_a_digest_and_files():
    manifest = json.loads(assets.MANIFEST.read_text(encoding="utf-8"))
    groups = ("dependencies", "devDependencies", "optionalDependencies")
    names = {name for group in groups for name in manifest[group]}
    assert set(manifest["assets"]) == names
    for recipe in manifest["assets"].values():
        assert recipe["integrity"].startswith("sha512-") and recipe["files"]


def test_unknown_name_on_the_command_line(capsys):
    with pytest.raises(SystemExit, match="2"):
        export.main(["99_nothing"])
    assert "notebook must name one of: 00_start_here" in capsys.readouterr().err
