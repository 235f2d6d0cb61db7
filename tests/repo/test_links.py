"""Relative links in the notebooks and Markdown files lead somewhere, headings included."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
from files import NOTEBOOKS, ROOT, relative, stored_files

PAGES = [p for p in stored_files() if p.suffix == ".md"] + NOTEBOOKS
INLINE = re.compile(r"\]\(\s*<?([^)\s>]+)")  # of images inside links, too
REFERENCE = re.compile(r"^\[[^\]]+\]:\s*<?(\S+?)>?\s*$", re.MULTILINE)
ATTRIBUTE = re.compile(r"\b(?:href|src)=[\"']([^\"']+)[\"']")
FENCE = re.compile(r"^(```|~~~).*?^\1[^\n]*$", re.MULTILINE | re.DOTALL)
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)


def prose(markdown: str) -> str:
    """Return Markdown without its code, in which brackets are no links."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", markdown))


def markdown_of(path: Path) -> str:
    """Return the Markdown of a page: the file, or a notebook's text cells."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = nbformat.v4.reads(text).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def links(markdown: str) -> Iterator[str]:
    """Yield the relative links of a Markdown text."""
    text = prose(markdown)
    for pattern in (INLINE, REFERENCE, ATTRIBUTE):
        for link in pattern.findall(text):
            if not ELSEWHERE.match(link) and not link.startswith("attachment:"):
                yield html.unescape(link)


def anchors(path: Path) -> set[str]:
    """Return the names that links can point at in a page, as GitHub and as JupyterLab make them."""
    markdown = FENCE.sub("", markdown_of(path))
    found = set(re.findall(r"\b(?:id|name)=[\"']([^\"']+)[\"']", markdown))
    for heading in re.findall(r"^#{1,6}\s+(.*?)\s*#*\s*$", markdown, re.MULTILINE):
        plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        plain = re.sub(r"[*_]{1,2}(\S.*?\S|\S)[*_]{1,2}", r"\1", plain)
        found.add(plain.replace(" ", "-"))  # JupyterLab
        found.add(re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-"))  # GitHub
    return found


def problems(path: Path) -> list[str]:
    """Return the links of a page that lead nowhere."""
    found = []
    for link in links(markdown_of(path)):
        target, _, anchor = unquote(link).partition("#")
        goal = (path.parent / target).resolve() if target else path
        if path.is_relative_to(ROOT) and not goal.is_relative_to(ROOT):
            found.append(f"{link}: outside the repository")
        elif not goal.exists():
            found.append(f"{link}: there is no such file")
        elif anchor and goal.suffix in (".md", ".ipynb") and anchor not in anchors(goal):
            found.append(f"{link}: {goal.name} has no such heading")
    return found


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_links_lead_somewhere(path):
    assert problems(path) == []


@pytest.mark.parametrize(
    ("markdown", "problem"),
    [
        ("[x](other.md) [x](other.md#two-words) [x](other.md#Two-words)", ""),
        ("[x](other.md#ask-it-now) [x](other.md#here) ![a [b] c](other.md 'title')", ""),
        ("# Mine\n[x](#mine) <img src='other.md' alt=''>", ""),
        ("[x](https://example.org/none.md) <a href='mailto:a@example.org'>", ""),
        ("`[x](none.md)`\n\n```\n[x](none.md)\n```\n\n[x][y]\n\n[y]: other.md\n", ""),
        ("[x](none.md)", "no such file"),
        ("[x](other.md#three-words)", "no such heading"),
        ("[x](#nothing)", "no such heading"),
        ("<img src='none.png' alt=''>", "no such file"),
        ("[x][y]\n\n[y]: none.md\n", "no such file"),
        ("[![picture](none.png)](other.md)", "no such file"),
    ],
)
def test_good_links_pass_and_bad_ones_are_found(tmp_path, markdown, problem):
    other = "# Two words\n\n## `ask` it: *now*\n\n<a id='here'></a>\n"
    for name, text in (("other.md", other), ("page.md", markdown)):
        (tmp_path / name).write_text(text)
    found = problems(tmp_path / "page.md")
    assert any(problem in line for line in found) if problem else found == []
