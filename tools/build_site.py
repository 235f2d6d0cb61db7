"""Make the website of the course: `make site`.

    python tools/build_site.py                  the whole site, to build/site
    python tools/build_site.py --to /srv/www    elsewhere

build/site is a folder of plain files: any host that serves files serves it, and its index.html
opens from a disk, too. A page asks no other machine for anything. Pages are made from the notebooks
as they are stored, without running a cell; panels, questions and exercises are marked, and the
scripts in tools/web make them alive with the Python that tools/web/runtime.py packs. The slides are
there if `make slides` has made them.

The same files give the same site, byte for byte. It replaces the one before in one step.
"""

import argparse
import base64
import hashlib
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import nbformat
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from course_utils.lessons import LESSONS
from course_utils.lessons.start_here.overview import words
from tools import export_slides
from tools.export_slides import COURSE, NOTEBOOKS, ROOT, ExportError
from tools.slides.assets import AssetError
from tools.web import runtime
from tools.web.maths import Formulas
from tools.web.pages import Page, anchor, plain

WEB = ROOT / "tools" / "web"
TARGET = ROOT / "build" / "site"
CACHE = ROOT / "build" / "maths.json"
FONTS = ROOT / "tools" / "jupyter" / "custom" / "fonts"
SIGN = "assets/site.css"  # a folder with this file holds a site
FIGURES = "assets/figures"
PICTURE = re.compile(r'(<img [^>]*src=")data:image/(png|jpeg);base64,([^"]+)')
SCRIPTS = ("python", "live", "panel", "quiz", "exercise", "page")  # of every page, in their order
PARTS = {
    "start": "First of all",
    "ideas": "Ideas",
    "architectures": "Architectures",
    "synthesis": "Side by side",
}


def search_index(pages: Sequence[Page], formulas: Formulas) -> str:
    """Return the script with [file, title, anchor, heading, text] of every section and word."""
    rows = [
        [f"{page.slug}.html", page.title, name, plain(heading, formulas), plain(below, formulas)]
        for page in pages
        for name, heading, below in page.sections()
    ]
    rows += [["glossary.html", "Glossary", w["anchor"], w["term"], w["means"]] for w in glossary()]
    return f"cnn.index = {json.dumps(rows, ensure_ascii=False, separators=(',', ':'))};\n"


def glossary() -> list[dict]:
    """Return the words of the course with an anchor and, for its number, their lesson."""
    lessons = {lesson.number: lesson for lesson in LESSONS}
    return [
        word | {"anchor": anchor(word["term"]), "lesson": lessons[word["lesson"]]}
        for word in words()
    ]


def write_pages(pages: Sequence[Page], formulas: Formulas, folder: Path) -> None:
    """Write the lessons, the index and the glossary for what the folder has: decks, Python."""
    templates = Environment(
        loader=FileSystemLoader(WEB),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals |= {
        "course": COURSE,
        "scripts": SCRIPTS if (folder / "python").is_dir() else SCRIPTS[-1:],
        "styles": sorted(path.name for path in (folder / "assets").glob("*.css")),
        "chapters": list(zip(LESSONS, pages, strict=True)),
        "decks": {path.name for path in (folder / "slides").glob("[0-9]*")},
        "python": (folder / "python").is_dir(),
    }

    def write(name: str, template: str, **values: object) -> None:
        text = formulas.fill(templates.get_template(template).render(name=name, **values))
        (folder / f"{name}.html").write_text(take_figures(text, folder), encoding="utf-8")

    beside = [None, *pages, None]
    for before, page, after in zip(beside, pages, beside[2:], strict=False):
        write(page.slug, "page.html.j2", page=page, before=before, after=after)
    write("index", "index.html.j2", parts=PARTS)
    write("glossary", "glossary.html.j2", words=glossary())


def take_figures(page: str, folder: Path) -> str:
    """Return a page whose pictures are files of their own: they load when they are scrolled to."""
    (folder / FIGURES).mkdir(exist_ok=True)

    def take(found: re.Match) -> str:
        picture = base64.b64decode(found[3])
        name = f"{FIGURES}/{hashlib.sha256(picture).hexdigest()[:16]}.{found[2]}"
        (folder / name).write_bytes(picture)
        return f"{found[1]}{name}"

    return PICTURE.sub(take, page)


def enliven_decks(folder: Path) -> None:
    """Let the panels on the slides use the Python of the pages."""
    links = '<link rel="stylesheet" href="../assets/live.css">\n'
    scripts = "".join(
        f'<script defer src="../assets/{name}.js"></script>\n'
        for name in ("python", "live", "panel")
    )
    for deck in folder.glob("[0-9]*.html"):
        page = deck.read_text(encoding="utf-8")
        deck.write_text(page.replace("</head>", f"{links}{scripts}</head>", 1), encoding="utf-8")


def build(target: Path, python: bool = True, cache: Path | None = CACHE) -> list[str]:
    """Write the site to a folder, in the place of the one before; return what to report.

    python: with the interpreter that makes panels, questions and exercises alive. cache: of the
    formulas; None: all are set anew.

    Raises:
        ExportError, AssetError: nothing was replaced then.
    """
    export_slides.check_target(target, SIGN)
    formulas = Formulas(cache)
    paths = [NOTEBOOKS / f"{lesson.slug}.ipynb" for lesson in LESSONS]
    pages = [Page(path.stem, nbformat.read(path, as_version=4), formulas) for path in paths]
    formulas.typeset()
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".site-") as scratch:
        new = Path(scratch) / "site"
        shutil.copytree(FONTS, new / "assets" / "fonts")
        for source in (*WEB.glob("*.css"), *WEB.glob("*.js")):
            shutil.copyfile(source, new / "assets" / source.name)
        index = search_index(pages, formulas)
        (new / "assets" / "search-index.js").write_text(index, encoding="utf-8")
        if (export_slides.TARGET / "index.html").is_file():
            shutil.copytree(export_slides.TARGET, new / "slides")
        if python:
            runtime.build(new / "python")
            enliven_decks(new / "slides")
        write_pages(pages, formulas, new)
        lines = [f"  {part:<20} {size / 1e6:6.2f} MB" for part, size in export_slides.sizes(new)]
        export_slides.replace(new, target)
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Build what the command line says; return the exit code."""
    parser = argparse.ArgumentParser(description="Make the website of the course.")
    parser.add_argument("--to", type=Path, default=TARGET, help="the folder to write")
    parser.add_argument("--still", action="store_true", help="without Python: nothing is alive")
    options = parser.parse_args(arguments)
    try:
        lines = build(options.to.resolve(), python=not options.still)
    except (ExportError, AssetError, OSError) as error:
        print(f"No site was made: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines))
    print(f"The site is in {options.to}: open index.html in a browser.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
