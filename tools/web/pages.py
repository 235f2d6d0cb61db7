"""A notebook as the content of a page: nothing is run, its stored outputs are shown.

Formulas are tokens until all of the site are set (`maths.py`); what comes alive is marked
(`marks.py`).
"""

import html
import re
from urllib.parse import unquote

from nbconvert.filters import ansi, highlight
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode

from tools.export_slides import NOTEBOOK_LINK, ExportError, slide_type, title
from tools.web import marks
from tools.web.maths import TOKEN, Formulas

HEADING = re.compile(r'<h(\d) id="([^"]+)">(.*?)</h\1>', re.DOTALL)
MINUTES = re.compile(r"\*\*Time:\*\* (\d+) minutes")
FILE_LINK = re.compile(r'<a href="\.\./[^"]*">(.*?)</a>')
HIGHLIGHT = highlight.Highlight2HTML(pygments_lexer="ipython3")


class Page:
    """title: "Count the arrows: sparse connectivity". body: HTML, with tokens for formulas.
    minutes: that the lesson says it takes, or "". marks: what comes alive, in order.

    A notebook without a title is an ExportError.
    """

    def __init__(self, slug: str, notebook: NotebookNode, formulas: Formulas) -> None:
        try:
            self.slug, self.title = slug, title(notebook)
        except ExportError as error:
            raise ExportError(f"{slug}: {error}") from error
        self.marks: list[marks.Mark] = []
        self._names = marks.imports(notebook.cells)
        self._markdown = MarkdownWithMath(renderer=_Renderer(formulas))
        self.body = _link_pages("\n".join(map(self._cell, notebook.cells)))
        said = MINUTES.search("\n".join(cell.source for cell in notebook.cells))
        self.minutes = said[1] if said else ""

    def names(self, kind: str) -> list[str]:
        """Return the names of the marks of one kind: ids of questions, of exercises."""
        return [mark.name for mark in self.marks if mark.kind == kind]

    def parts(self) -> list[tuple[str, str]]:
        """Return (anchor, heading as HTML) of the headings of level two."""
        return [(name, text) for level, name, text in HEADING.findall(self.body) if level == "2"]

    def sections(self) -> list[tuple[str, str, str]]:
        """Return (anchor, heading, what stands below it), both as HTML."""
        found = HEADING.split(self.body)
        return list(zip(found[2::4], found[3::4], found[4::4], strict=True))

    def _cell(self, cell: NotebookNode) -> str:
        if cell.cell_type == "code":
            return self._code_cell(cell)
        text = self._markdown.render(cell.source)
        text = re.sub("<table>.*?</table>", lambda t: scrolling(t[0], "Table"), text, flags=re.S)
        text = re.sub("<th[^>]*></th>", "<td></td>", text)  # a head that says nothing is none
        kind = " notes" if slide_type(cell) == "notes" else ""
        return f'<div class="text{kind}">{text}</div>'

    def _code_cell(self, cell: NotebookNode) -> str:
        pairs, folded = marks.pairs(cell, self._names), cell.metadata.get("jupyter", {})
        found = [mark for _, mark in pairs if mark]
        self.marks += found
        shown = "".join(f'<div class="out">{_output(*pair)}</div>' for pair in pairs)
        if shown and folded.get("outputs_hidden"):
            shown = _fold("Show the result", shown)
        # The code of an exercise stands above its card, until an editor takes its place.
        if marks.only_shows(cell, self._names) or any("stub" in mark.extra for mark in found):
            return shown
        source = code(cell.source)
        if cell.id == "setup" or folded.get("source_hidden"):
            source = _fold("Setup" if cell.id == "setup" else "Show the code", source)
        return source + shown


class _Renderer(IPythonRenderer):
    """Markdown in which no two headings share an anchor, with tokens for formulas."""

    def __init__(self, formulas: Formulas) -> None:
        super().__init__(escape=False, exclude_anchor_links=True)
        self.formulas, self.taken = formulas, set()

    def heading(self, text: str, level: int, **attrs) -> str:
        name, number = anchor(text), 2
        while name in self.taken:
            name, number = f"{anchor(text)}-{number}", number + 1
        self.taken.add(name)
        return f'<h{level} id="{name}">{text}</h{level}>\n'

    def inline_math(self, body: str) -> str:
        return self.formulas.token(body)

    def block_math(self, body: str) -> str:
        return self.formulas.token(body, display=True)

    def latex_environment(self, name: str, body: str) -> str:
        return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")


def anchor(heading: str) -> str:
    """Return the address of a heading, given as HTML, within its page."""
    plain = html.unescape(re.sub("<[^>]+>", "", TOKEN.sub("", heading)))
    return re.sub(r"\W+", "-", plain).strip("-").lower() or "part"


def plain(text: str, formulas: Formulas) -> str:
    """Return the words of a piece of a page, without code, drawings and what is folded."""
    text = re.sub(r"<(pre|svg|style|details)\b.*?</\1>", " ", text, flags=re.DOTALL)
    text = re.sub("</?(?:p|div|li|t[dhr]|h[1-6]|br)\\b[^>]*>", " ", text)
    return " ".join(html.unescape(re.sub("<[^>]*>", "", formulas.words(text))).split())


def code(source: str) -> str:
    """Return highlighted Python."""
    found = re.search(r"<pre>(?:<span></span>)?(.*)</pre>", HIGHLIGHT(source), re.DOTALL)
    return scrolling(found[1].rstrip(), "Code", "pre", "code")


def scrolling(content: str, label: str, tag: str = "div", kind: str = "") -> str:
    """Return content that scrolls by itself where it is wider than the page."""
    classes = f"scroll {kind}".strip()
    return f'<{tag} class="{classes}" role="group" aria-label="{label}">{content}</{tag}>'


def _output(output: NotebookNode, mark: marks.Mark | None) -> str:
    """Return a stored output as HTML, within its mark if it has one."""
    if output.output_type == "stream":
        return scrolling(ansi.ansi2html(output.text.rstrip()), "Printed", "pre")
    data = output.data
    said = html.escape(data.get("text/plain", ""))
    still = data.get("text/html")
    if still is None and "image/png" in data:
        picture = f"data:image/png;base64,{data['image/png'].strip()}"
        still = f'<img class="cnn-plot" alt="{said}" src="{picture}">'
    if still is None:
        return scrolling(said, "Value", "pre")
    still = still.replace("<img ", '<img loading="lazy" decoding="async" ')
    if re.match(r"<(svg|img|table)\b", still):
        return scrolling(still, "Figure", kind="figure")
    stub = code(mark.extra["stub"]) if mark and "stub" in mark.extra else ""
    return stub + (mark.wrap(still) if mark else still)


def _fold(summary: str, content: str) -> str:
    return f'<details class="fold"><summary>{summary}</summary>{content}</details>'


def _link_pages(text: str) -> str:
    """Let links to notebooks lead to their pages; a link to another file of ours becomes text."""

    def link(found: re.Match) -> str:
        before, name, after, words = found.groups()
        place = re.sub('^#([^"]*)', lambda to: f"#{anchor(unquote(to[1]))}", after)
        return f"<a{before}{name}.html{place}>{words}</a>"

    return NOTEBOOK_LINK.sub(link, FILE_LINK.sub(r"\1", text))
