"""The decks as a room of 300 needs them: what of it a notebook shows without a browser."""

import re
from collections.abc import Iterator

import nbformat
import pytest
from files import NOTEBOOKS

from tools.export_slides import heading, notes, slides

SLIDES = 26  # a lesson's most; 00 has fewer
CODE = 8  # shown lines of code; the heart of an architecture has more
HEART = 16
WORDS = 30  # beside a picture, without heading and maths
MINUTES = {"vote": 2.5, "other": 0.75}
CLAIM = re.compile(r"(\d+)\s+(?:minutes )?on slides")
PICTURE = re.compile(r"<(?:svg|img)\b")
QUESTION = re.compile(r"\bask\(")
TRAINING = re.compile(r"\bfit\(")


def words(cell) -> int:
    """Count the words of a markdown cell that a room has to read."""
    text = re.sub(r"^#+ .*$", "", cell.source, flags=re.MULTILINE)
    text = re.sub(r"\$\$.+?\$\$|\$.+?\$|<[^>]+>", "", text, flags=re.DOTALL)
    return len(re.findall(r"\w[\w'’.,-]*", text))


def shows(cell, pattern: re.Pattern) -> bool:
    """Whether a stored output matches; a question's and a panel's picture do not count."""
    kinds = [output.get("data", {}) for output in cell.get("outputs", [])]
    found = [data.get("text/html", "") for data in kinds if "image/png" not in data]
    if any("image/png" in data for data in kinds):
        return True
    return any(pattern.search(text) and "cnn-quiz" not in text for text in found)


def problems(notebook) -> Iterator[str]:
    """Yield what keeps a deck from being read in the last row, or presented."""
    deck, told, hearts = slides(notebook), notes(notebook), 0
    names = [heading(slide) for slide in deck]
    if len(deck) > SLIDES:
        yield f"{len(deck)} slides, at most {SLIDES}"
    for slide, name in zip(deck, names, strict=True):
        where = f"{slide[0].id}, slide {name!r}"
        code = [cell for cell in slide if cell.cell_type == "code"]
        if not name:
            yield f"{where}: begins with no heading"
        shown = [c for c in code if "show-code" in c.metadata.get("tags", [])]
        for lines in [len(cell.source.splitlines()) for cell in shown]:
            hearts += lines > CODE
            if lines > HEART:
                yield f"{where}: shows {lines} lines of code, at most {HEART}"
        said = sum(words(cell) for cell in slide if cell.cell_type == "markdown")
        if any(shows(cell, PICTURE) for cell in code) and said > WORDS and slide is not deck[0]:
            yield f"{where}: {said} words beside a picture, at most {WORDS}"
        for cell in code:
            if TRAINING.search(cell.source) and "run-live" not in cell.metadata.get("tags", []):
                yield f"{where}: {cell.id} trains and has no tag run-live"
        asked = any(QUESTION.search(cell.source) for cell in code)
        if code and name and name not in told and slide is not deck[0]:
            yield f"{where}: {'a question' if asked else 'a slide'} without notes for the lecturer"
    if hearts > 2:
        yield f"{hearts} cells of shown code are over {CODE} lines, at most 2"
    for name in set(told) - set(names):
        yield f"notes for {name!r}, which is no slide"
    for name in {name for name in names if names.count(name) > 1}:
        yield f"two slides are called {name!r}"
    claimed = CLAIM.search("\n".join(cell.source for cell in notebook.cells))
    votes = sum(any(QUESTION.search(c.source) for c in slide) for slide in deck)
    counted = MINUTES["vote"] * votes + MINUTES["other"] * (len(deck) - votes)
    if claimed and abs(int(claimed[1]) - counted) > 3:
        yield f"{claimed[1]} minutes on slides are claimed, {counted:.0f} counted"
    if not claimed:
        yield "claims no minutes on slides"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_deck_can_be_presented(path):
    assert list(problems(nbformat.read(path, as_version=4))) == []


# The rules themselves, on a made deck


def cell(kind: str, source: str, name: str, slide: str | None, **more):
    """A cell of a deck."""
    make = {"code": nbformat.v4.new_code_cell, "text": nbformat.v4.new_markdown_cell}[kind]
    made = make(source, id=name, **more)
    made.metadata |= {"slideshow": {"slide_type": slide}} if slide else {}
    return made


def made():
    """A deck of three slides that breaks no rule."""
    drawn = [nbformat.v4.new_output("display_data", {"text/html": "<svg>"})]
    told = (
        "<details><summary>For the lecturer</summary>\n\n- **1 · See** Wait.\n"
        "- **Which?** 2 min.\n</details>"
    )
    cells = [
        cell("text", "# Title\n\n**Time:** 10 minutes alone, 4 on slides.", "title", "slide"),
        cell("text", told, "told", "notes"),
        cell("text", "## 1 · See\n\nOne line.", "see", "slide"),
        cell("code", "draw()", "drawn", None, outputs=drawn),
        cell("text", "### Which?", "which", "subslide"),
        cell("code", 'ask("01.x")', "ask", None),
    ]
    return nbformat.v4.new_notebook(cells=cells)


def source(place: int, text: str, **metadata):
    """Change the source of a cell, and its metadata."""

    def change(cells):
        cells[place].source = text
        cells[place].metadata.update(metadata)

    return change


BROKEN = {
    "begins with no heading": source(2, "One line."),
    "at most 26": lambda cells: cells.extend(
        cell("text", f"## {i}", f"more-{i}", "slide") for i in range(24)
    ),
    "lines of code, at most 16": source(3, "x\n" * 17, tags=["show-code"]),
    "words beside a picture": source(2, "## 1 · See\n\n" + "word " * 31),
    "trains and has no tag": source(3, "fit(net)"),
    "a question without notes": source(4, "### What?"),
    "which is no slide": source(4, "### What?"),
    "two slides are called": source(4, "### 1 · See"),
    "minutes on slides are claimed": source(0, "# Title\n\n40 on slides"),
    "claims no minutes": source(0, "# Title"),
    "at most 2": lambda cells: cells.extend(
        cell("code", "x\n" * 9, f"code-{i}", None, metadata={"tags": ["show-code"]})
        for i in range(3)
    ),
}


def test_a_good_deck_passes():
    assert list(problems(made())) == []


@pytest.mark.parametrize("found", BROKEN)
def test_a_broken_rule_is_found(found):
    deck = made()
    BROKEN[found](deck.cells)
    assert any(found in line for line in problems(deck)), list(problems(deck))
