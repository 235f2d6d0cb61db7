"""Export the notebooks as slides that work offline: `make slides`.

    python tools/export_slides.py                     every notebook, to build/slides
    python tools/export_slides.py 01_sparse_connectivity --to /media/stick/slides

build/slides/index.html lists the decks. Each deck is one HTML file; all share the folder `assets`.
They work from file:// without a network, maths included. With Chromium installed, every slide is
measured (it must fit 1280 x 720, whichever answer is opened) and each deck becomes a PDF, and a
handout: three slides a page with room for notes, the answers on its last pages.

How a notebook says what a slide shows (the live deck in JupyterLab obeys the same marks):

- `slideshow.slide_type` is slide, subslide, fragment, skip or notes. A cell that continues a slide
  has none. The live deck needs one key press for each continuing cell: use few of them.
- Code is hidden; its outputs are shown. A code cell with the tag `show-code` shows its code, too.
- The slide with the level-one heading is the title slide: its content stands in the middle.
- A notes cell is markdown, `<details><summary>For the lecturer</summary> ... </details>`; it is in
  the speaker view of the export (key S) and folded in the notebook. Its list items that begin with
  the heading of a slide in bold, `- **2 · 224 or 227?** Ask first.`, are the notes of that slide.

The slides show the outputs that the notebooks store: nothing is run. A deck that is not fit to show
is named and left out; the others are exported, and their folder replaces the old one in one step.
"""

import argparse
import html
import re
import shutil
import sys
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools.run_notebooks import find
from tools.slides import assets, browser
from tools.web import marks

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
TARGET = ROOT / "build" / "slides"
COURSE = "Convolutional network architectures"
NOTEBOOK_LINK = re.compile(
    r'<a([^>]* href=")(\d\d_\w+)\.ipynb((?:#[^"]*)?"[^>]*)>(.*?)</a>', re.DOTALL
)
NOTES = re.compile(r"\s*<details[^>]*>\s*<summary>.*?</summary>(.*)</details>\s*", re.DOTALL)
STILL_NOTE = """
<p class="cnn-kernel-note">A still of the interactive panel: its controls work in JupyterLab.</p>
"""
SLIDE_NOTE = re.compile(r"^- \*\*(.+?)\*\*(?!\*)(.*(?:\n {2}.*)*)\n?", re.MULTILINE)


class ExportError(Exception):
    """The export cannot be made; the message says why. The previous export is as it was."""


def title(notebook: NotebookNode) -> str:
    """Return the text of the first level-one heading of a notebook.

    Raises:
        ExportError: if there is none.
    """
    for cell in notebook.cells:
        found = re.search(r"^# +(.+)$", cell.source, re.MULTILINE)
        if cell.cell_type == "markdown" and found:
            return re.sub(r"[*_`]", "", found[1]).strip()
    raise ExportError("no markdown cell with a level-one heading (# ...): it has no title")


def slide_type(cell: NotebookNode) -> str | None:
    """Return what the deck does with a cell; None for one that continues a slide."""
    return cell.metadata.get("slideshow", {}).get("slide_type")


def slides(notebook: NotebookNode) -> list[list[NotebookNode]]:
    """Return the cells of each slide, without what is skipped and without notes."""
    found: list[list[NotebookNode]] = []
    for cell in notebook.cells:
        kind = slide_type(cell)
        if kind not in ("skip", "notes"):
            if kind in ("slide", "subslide") or not found:
                found.append([])
            found[-1].append(cell)
    return found


def heading(slide: Sequence[NotebookNode]) -> str:
    """Return the heading that a slide begins with, "" if it begins with something else."""
    begins = re.match(r"#{1,3} +(.+)", slide[0].source)
    return begins[1].strip() if begins and slide[0].cell_type == "markdown" else ""


def notes(notebook: NotebookNode) -> dict[str, str]:
    """Return what the lecturer is told for each slide, by the slide's heading."""
    text = "\n".join(cell.source for cell in notebook.cells if slide_type(cell) == "notes")
    return {name: said.strip() for name, said in SLIDE_NOTE.findall(text)}


def prepare(notebook: NotebookNode) -> NotebookNode:
    """Return a copy of a notebook as its slides show it: titled, each slide with its notes.

    Panels are marked, so that they come alive where the website has the deck. (The template leaves
    out code without the tag `show-code`.)
    """
    deck = nbformat.from_dict(notebook)
    deck.metadata["title"] = title(deck)
    names, told, cells = marks.imports(deck.cells), notes(deck), []
    code = (cell for cell in deck.cells if cell.cell_type == "code")
    for output, mark in (pair for cell in code for pair in marks.pairs(cell, names)):
        if mark and mark.kind == "panel":
            output.data["text/html"] = mark.wrap(output.data["text/html"] + STILL_NOTE)
    ends = {slide[-1].id: told[heading(slide)] for slide in slides(deck) if heading(slide) in told}
    for cell in deck.cells:
        if cell.cell_type == "markdown" and slide_type(cell) == "notes":
            cell.source = SLIDE_NOTE.sub("", NOTES.sub(r"\1", cell.source)).strip()
        cells.append(cell)
        if cell.id in ends:
            kind = {"slideshow": {"slide_type": "notes"}}
            cells.append(nbformat.v4.new_markdown_cell(ends[cell.id], metadata=kind))
    deck.cells = cells
    return deck


def render(deck: NotebookNode, name: str) -> str:
    """Return the HTML of a deck that was prepared; it expects the folder `assets` beside it."""
    from nbconvert import SlidesExporter

    exporter = SlidesExporter(
        extra_template_basedirs=[str(ROOT / "tools" / "slides")],
        template_name="deck",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
        embed_images=True,
    )
    page, _ = exporter.from_notebook_node(
        deck, {"metadata": {"name": name, "path": str(NOTEBOOKS)}}
    )
    return page


def link_decks(page: str, names: Collection[str]) -> str:
    """Let links to other notebooks lead to their decks; a link to no exported deck becomes text."""

    def link(found: re.Match) -> str:
        before, name, after, words = found.groups()
        return f"<a{before}{name}.html{after}>{words}</a>" if name in names else words

    return NOTEBOOK_LINK.sub(link, page)


def index(decks: Sequence[tuple[str, str]], with_pdf: bool) -> str:
    """Return the page that lists the decks, given as (file name without ending, title)."""
    rows = []
    for name, heading in decks:
        text = html.escape(heading)
        files = {"PDF": f"{name}.pdf", "handout": f"{name}-handout.pdf"} if with_pdf else {}
        links = " ".join(
            f'<a href="{file}" aria-label="{text}, {kind}">{kind}</a>'
            for kind, file in files.items()
        )
        rows.append(
            f'<li><span><span class="aside">{name[:2]}</span> '
            f'<a href="{name}.html">{text}</a></span><span>{links}</span></li>'
        )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{COURSE}: slides</title>
<link rel="stylesheet" href="assets/fonts/fonts.css">
<link rel="stylesheet" href="assets/theme.css">
</head>
<body class="index">
<main>
<h1>{COURSE}</h1>
<p>Arrow keys, Space or a clicker move through a deck and open the answers, Esc shows all slides,
S opens the notes for the lecturer. Everything here works without a network.</p>
<ol>
{chr(10).join(rows)}
</ol>
<p class="aside">The panels move in JupyterLab and on the course's website; elsewhere they are
stills.</p>
</main>
</body>
</html>
"""


def sizes(folder: Path) -> list[tuple[str, int]]:
    """Return (part, bytes) of an export: its folders two levels deep, its decks, PDFs, the sum."""
    rows: dict[str, int] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            inner = "/".join(path.relative_to(folder).parts[:-1][:2]) or f"*{path.suffix}"
            rows[inner] = rows.get(inner, 0) + path.stat().st_size
    return [*rows.items(), ("all", sum(rows.values()))]


def check_target(target: Path, sign: str = "assets/theme.css") -> None:
    """Refuse a target that cannot be written, or that holds something other than an export.

    sign: a file that every export has.

    Raises:
        ExportError: saying which.
    """
    if target.is_symlink() or target.is_file():
        raise ExportError(f"--to must be a folder, got the file {target}")
    if target.is_dir() and any(target.iterdir()) and not (target / sign).is_file():
        raise ExportError(f"{target} is not empty and holds no earlier export: name another folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise ExportError(f"cannot write to {target.parent}: {error.strerror}") from error


def replace(new: Path, target: Path) -> None:
    """Put the finished folder in the place of the previous export."""
    old = new.with_name(new.name + "-old")
    if target.exists():
        target.rename(old)
    try:
        new.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def write_decks(paths: Sequence[Path], folder: Path) -> tuple[dict[str, str], list[str]]:
    """Write the assets and a deck for each notebook; return name -> title, and what is wrong."""
    assets.copy(assets.install(), folder / "assets")
    shutil.copy(ROOT / "tools" / "slides" / "theme.css", folder / "assets")
    shutil.copytree(ROOT / "tools" / "jupyter" / "custom" / "fonts", folder / "assets" / "fonts")
    decks, wrong = {}, []
    for path in paths:
        try:
            deck = prepare(nbformat.read(path, as_version=4))
        except ExportError as error:
            wrong.append(f"{path.stem}: {error}")
            continue
        page = link_decks(render(deck, path.stem), [other.stem for other in paths])
        (folder / f"{path.stem}.html").write_text(page, encoding="utf-8")
        decks[path.stem] = deck.metadata.title
    return decks, wrong


def export(
    paths: Sequence[Path], target: Path, with_pdf: bool = True, draft: bool = False
) -> tuple[list[str], list[str]]:
    """Write the decks, the index page and the assets; return what to report, and what is wrong.

    A slide that is too tall, or has text too small, keeps its deck out; a draft has all decks.

    Raises:
        ExportError, assets.AssetError: nothing was replaced then.
    """
    check_target(target)
    chromium, lines = browser.find_chromium(), []
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".slides-") as scratch:
        new = Path(scratch) / "slides"
        (new / "assets").mkdir(parents=True)
        decks, wrong = write_decks(paths, new)
        with_pdf = with_pdf and chromium is not None
        if chromium is None:
            lines.append("Slides not measured and no PDF: no Chromium found (set CHROMIUM=path).")
        else:
            with browser.offline_page(chromium) as page:
                for name in list(decks):
                    found = browser.problems(page, new / f"{name}.html")
                    wrong += found
                    if found and not draft:
                        (new / f"{name}.html").unlink()
                        del decks[name]
                    elif with_pdf:
                        pages = browser.print_pdf(page, new / f"{name}.html", new / f"{name}.pdf")
                        lines.append(f"{name}.pdf: {pages} pages")
        if not decks:
            raise ExportError("\n  ".join(["no deck is fit to show:", *wrong]))
        (new / "index.html").write_text(index(list(decks.items()), with_pdf), encoding="utf-8")
        lines += [f"  {part:<20} {size / 1e6:6.2f} MB" for part, size in sizes(new)]
        replace(new, target)
    return lines, wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """Export what the command line names; return the exit code."""
    parser = argparse.ArgumentParser(description="Export the notebooks as offline slides.")
    parser.add_argument("notebooks", nargs="*", metavar="NOTEBOOK", help="such as 01")
    parser.add_argument("--to", type=Path, default=TARGET, help="the folder to write")
    parser.add_argument("--no-pdf", action="store_true", help="HTML only")
    draft = "export although slides are too tall; they are named"
    parser.add_argument("--draft", action="store_true", help=draft)
    options = parser.parse_args(arguments)
    try:
        paths = find(options.notebooks)
    except ValueError as error:
        parser.error(str(error))
    try:
        lines, wrong = export(paths, options.to.resolve(), not options.no_pdf, options.draft)
    except (ExportError, assets.AssetError, OSError) as error:
        print(f"No slides were exported: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines))
    print(f"The slides are in {options.to}: open index.html in a browser.")
    for problem in wrong:
        print(f"NOT FIT TO SHOW: {problem}", file=sys.stdout if options.draft else sys.stderr)
    if wrong and not options.draft:
        print("These decks were left out; --draft exports them as they are.", file=sys.stderr)
    return int(bool(wrong) and not options.draft)


if __name__ == "__main__":
    sys.exit(main())
