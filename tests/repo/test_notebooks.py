"""The style of the notebooks (house rules); their stored outputs are clean and complete."""

import json
import re
from collections.abc import Iterator
from statistics import median

import nbformat
import pytest
from files import NOTEBOOKS

LINES = 20  # a code cell's most lines
MEDIAN_LINES = 5
IN_A_ROW = 3  # code cells with no prose between them
PROSE = (0.4, 0.75)  # part of the cells that is prose: "half", give or take
SIZE = 1.5e6  # bytes
SLIDE_TYPES = {"slide", "subslide", "fragment", "skip", "notes"}
NOTES = re.compile(
    r"\s*<details[^>]*>\s*<summary>For the lecturer</summary>.*</details>\s*", re.DOTALL
)
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
RANDOM_ID = re.compile(r"[0-9a-f]{8}")
HOME = re.compile(
    r"(/home/|/Users/|/root\b|/tmp/|/var/folders/|[A-Z]:\\Users\\|/site-packages/|ipykernel_\d+)"
)
WIDGET_MIMES = ("application/vnd.jupyter.widget-view+json", "application/vnd.jupyter.widget-state")
# Words that point at something on the slide, and what they may point at.
ABOVE = re.compile(
    r"\b(?:picture|figure|chart|table|diagram|plot|panel|code|counts?|numbers?|line) above\b"
    r"|\bthe above\b|\b[Ss]ee above\b"
)
BELOW = re.compile(
    r"\b(?:picture|figure|chart|table|diagram|plot|panel|code) below\b|(?:^|[.:] )Below\b(?! \$?\d)"
    r"|\b(?:stands?|shown|drawn) below\b"
)
HERE = re.compile(r"\b[Ii]n (?:the|this) (?:picture|figure|chart|diagram)\b(?! of)")
PICTURE = re.compile(r"<(?:svg|img|table)\b|^\|.*\|$|^!\[", re.MULTILINE)
CODE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
MARKERS = re.compile(r"#\s*(NBVAL_|PYTEST_VALIDATE_)")


def slide_type(cell) -> str | None:
    """Return what the deck does with a cell; None for one that continues a slide."""
    return cell.metadata.get("slideshow", {}).get("slide_type")


def style_problems(notebook, is_lesson: bool) -> Iterator[str]:
    """Yield what breaks the house's numbers."""
    code = [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]
    for cell in code:
        lines = len(cell.source.splitlines())
        if lines > LINES:  # blank ones take room, too
            yield f"{cell.id}: {lines} lines of code, at most {LINES}"
    sizes = [sum(bool(line.strip()) for line in cell.source.splitlines()) for cell in code]
    if sizes and median(sizes) > MEDIAN_LINES:
        yield f"median code cell has {median(sizes)} lines, at most {MEDIAN_LINES}"
    kinds = "".join(cell.cell_type[0] for cell in notebook.cells)  # c or m
    for long in re.finditer(f"c{{{IN_A_ROW + 1},}}", kinds):
        where = notebook.cells[long.start() + IN_A_ROW].id
        yield f"{where}: more than {IN_A_ROW} code cells in a row"
    prose = kinds.count("m") / len(kinds)
    if is_lesson and not PROSE[0] <= prose <= PROSE[1]:
        yield f"{prose:.0%} of the cells are prose, {PROSE[0]:.0%} to {PROSE[1]:.0%} are wanted"


def opening_problems(notebook, is_lesson: bool) -> Iterator[str]:
    """Yield what is missing at the beginning: one H1, and a lesson's goals near the top."""
    first = notebook.cells[0]
    if first.cell_type != "markdown" or not re.match(r"# \S", first.source):
        yield "does not open with a heading of the first level"
    prose = [c.source for c in notebook.cells if c.cell_type == "markdown"]
    headings = sum(len(re.findall(r"^# \S", CODE.sub("", text), re.MULTILINE)) for text in prose)
    if headings != 1:
        yield f"{headings} headings of the first level, exactly one is wanted"
    top = "\n".join(c.source for c in notebook.cells[:8] if c.cell_type == "markdown")
    if is_lesson and not re.search(r"\b(goals?|be able to)\b", top, re.IGNORECASE):
        yield "names no goals in its first cells"


def whole_problems(notebook) -> Iterator[str]:
    """Yield what differs from run to run, was not run from top to bottom, or occurs twice."""
    if "slide" not in map(slide_type, notebook.cells):
        yield "has no slide"
    ids = [cell.get("id", "") for cell in notebook.cells]
    for name in sorted({name for name in ids if ids.count(name) > 1}):
        yield f"cell id {name!r} occurs twice"
    code = [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]
    counts = [cell.execution_count for cell in code]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts are {counts}: run `make notebooks`"
    if "widgets" in notebook.metadata:
        yield "the state of widgets is stored"
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "the kernel is not python3"
    if notebook.metadata.get("language_info") != {"name": "python"}:
        yield "language_info holds more than the name"


def cell_problems(cell) -> Iterator[str]:
    """Yield slide types and ids that say nothing, notes that would show, tags without a reason."""
    code, kind, tags = cell.cell_type == "code", slide_type(cell), cell.metadata.get("tags", [])
    if "slide_type" in cell.metadata.get("slideshow", {}) and kind not in SLIDE_TYPES:
        yield f"slide type {kind!r}; a cell that continues a slide has none"
    if kind == "notes" and (code or not NOTES.fullmatch(cell.source)):
        yield "notes stand in <details><summary>For the lecturer</summary>"
    name = cell.get("id", "")
    if not ID.fullmatch(name) or RANDOM_ID.fullmatch(name):
        yield f"cell id {name!r} is not words such as 'ask-dense-arrows'"
    if "execution" in cell.metadata:
        yield "times are stored"
    if "nbval-skip" in tags:
        yield "tag nbval-skip"
    if "nbval-ignore-output" in tags and "not compared" not in cell.source:
        yield "output is not compared, and no comment says why"
    if code and MARKERS.search(cell.source):
        yield "a comment for nbval; use a tag, which the reader does not see"
    if code and not cell.source.strip():
        yield "an empty code cell"
    for output in cell.outputs if code else ():
        yield from output_problems(output)


def output_problems(output) -> Iterator[str]:
    """Yield errors, warnings, paths of a computer and widget data in a stored output."""
    if output.output_type == "error":
        yield f"an error is stored: {output.ename}"
    if output.get("name") == "stderr":
        yield f"something is stored from stderr: {output.text[:60]!r}"
    data = output.get("data", {})
    yield from (f"the widget {mime} is stored" for mime in WIDGET_MIMES if mime in data)
    for value in (output.get("text", ""), *data.values()):
        text = value if isinstance(value, str) else json.dumps(value)
        if found := HOME.search(re.sub(r"base64,[A-Za-z0-9+/=\s]+", "", text)):
            yield f"a path of the computer is stored: {found.group()!r}"


def slides(notebook) -> Iterator[list]:
    """Yield the cells of each slide, and each skipped cell by itself with the prose around it."""
    slide: list = []
    for cell in notebook.cells:
        kind = slide_type(cell)
        if kind == "notes":
            continue
        if kind in ("slide", "subslide", "skip") and slide:
            yield slide
            slide = []
        slide.append(cell)
    yield slide


def said_and_shown(cell) -> tuple[str, bool]:
    """Return what a cell tells the reader, and whether it shows a picture, a table or numbers."""
    if cell.cell_type == "markdown":
        return cell.source, bool(PICTURE.search(cell.source))
    data = [output.get("data", {}) for output in cell.outputs]
    if re.search(r"\bask\(", cell.source):  # the prompt; the feedback comes later
        prompts = [one.get("text/plain", "").split("\n") for one in data]
        return "\n".join(lines[1] for lines in prompts if len(lines) > 1), False
    streams = any(output.output_type == "stream" for output in cell.outputs)
    return "", streams or any(PICTURE.search(one.get("text/html", "")) for one in data)


def pointing_problems(notebook) -> Iterator[str]:
    """Yield words that point at a picture or number that is not on their slide, on that side."""
    for slide in slides(notebook):
        said, shown = zip(*map(said_and_shown, slide), strict=True)
        for i, text in enumerate(said):
            sides = (ABOVE, shown[: i + 1]), (BELOW, shown[i:]), (HERE, shown)
            for pattern, there in sides:
                found = pattern.search(text)
                if found and not any(there):
                    yield f"{slide[i].id}: {found[0]!r} points at nothing on its slide"


def problems(notebook, is_lesson: bool = True) -> list[str]:
    """Return everything that is wrong with a notebook."""
    found = [*style_problems(notebook, is_lesson), *opening_problems(notebook, is_lesson)]
    found += [*whole_problems(notebook), *pointing_problems(notebook)]
    return found + [
        f"{cell.id}: {words}" for cell in notebook.cells for words in cell_problems(cell)
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebook(path):
    # Not nbformat.read: it repairs ids that occur twice before anyone sees them.
    notebook = nbformat.v4.reads(path.read_text(encoding="utf-8"))
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert problems(notebook, is_lesson=not path.name.startswith("00_")) == []
    assert path.stat().st_size < SIZE


# The rules themselves, on made notebooks


def made(change=None):
    """A lesson of 24 cells that breaks no rule; ``change(cells, metadata)`` may break one."""
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

    cells = [new_markdown_cell("# Count the arrows", id="title")]
    cells += [new_markdown_cell("After this you will be able to count.", id="goals")]
    cells[0].metadata = {"slideshow": {"slide_type": "slide"}}
    for i in range(1, 12):
        result = new_output("execute_result", data={"text/plain": f"{i}"}, execution_count=i)
        cells += [
            new_markdown_cell(f"## Step {i}", id=f"step-{i}"),
            new_code_cell(str(i), id=f"run-{i}", execution_count=i, outputs=[result]),
        ]
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
    }
    if change:
        change(cells, metadata)
    return nbformat.from_dict({"cells": cells, "metadata": metadata})


def test_good_notebook_passes():
    assert problems(made()) == []


def on(place, slide=None, **fields):
    """Change fields of a cell; `slide` its slide type."""

    def change(cells, metadata):
        if slide:
            cells[place].metadata["slideshow"] = {"slide_type": slide}
        cells[place].update(fields)

    return change


def with_metadata(**fields):
    return lambda cells, metadata: cells[3].metadata.update(fields)


def with_output(kind, **fields):
    output = nbformat.from_dict({"output_type": kind, "metadata": {}, **fields})
    return lambda cells, metadata: cells[3].outputs.append(output)


PROMPT = {"text/plain": "Question 01.x\nIn the picture, how many?\n  ( ) One"}
BROKEN = {
    "at most 20": on(3, source="x = 1\n" * 21),
    "median code cell": lambda cells, m: [c.update(source="x = 1\n" * 6) for c in cells[3::2]],
    "in a row": lambda cells, m: [cells.insert(4, cells[3].copy()) for _ in range(3)],
    "are prose": lambda cells, m: cells.extend([cells[2].copy() for _ in range(24)]),
    "does not open": on(0, source="## Second level"),
    "exactly one": on(2, source="# Another"),
    "no goals": on(1, source="Hello."),
    "slide type '-'": on(2, slide="-"),
    "For the lecturer": on(2, slide="notes"),
    "has no slide": on(0, metadata={}),
    "'table above' points": on(2, source="## A\n\nSee the table above."),
    "'Below' points": on(-2, source="Below, twice.", slide="slide"),
    "'In the picture' points": on(
        3, source='ask("01.x")', outputs=[nbformat.v4.new_output("execute_result", PROMPT)]
    ),
    "is not words": on(2, id="deadbeef"),
    "occurs twice": on(2, id="goals"),
    "execution counts": on(3, execution_count=None),
    "counts are [1, 3": on(5, execution_count=3),
    "empty code cell": on(3, source=" "),
    "an error is stored": with_output("error", ename="ValueError", evalue="", traceback=[]),
    "from stderr": with_output("stream", name="stderr", text="warning"),
    "'/home/'": with_output("display_data", data={"text/html": "in /home/ada/x"}),
    "widget-view": with_output("display_data", data={WIDGET_MIMES[0]: {}}),
    "state of widgets": lambda cells, m: m.update(widgets={}),
    "not python3": lambda cells, m: m["kernelspec"].update(name="cnn"),
    "language_info": lambda cells, m: m["language_info"].update(version="3.11.7"),
    "times are stored": with_metadata(execution={}),
    "tag nbval-skip": with_metadata(tags=["nbval-skip"]),
    "no comment says why": with_metadata(tags=["nbval-ignore-output"]),
    "a comment for nbval": on(3, source="# NBVAL_SKIP\n1"),
}


@pytest.mark.parametrize("words", BROKEN)
def test_broken_rule_is_found(words):
    found = problems(made(BROKEN[words]))
    assert any(words in line for line in found), found
