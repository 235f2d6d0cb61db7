"""Formulas set at build time, so that a page needs no script for them: MathJax under Node.

A formula is a picture, SVG with outlines for letters, and for whoever hears the page MathML that
is not seen. While a page is being made a token stands for each; one process sets all of them.
"""

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

from tools.slides import assets

SCRIPT = Path(__file__).with_name("maths.cjs")
TOKEN = re.compile("\ue000(\\d+)\ue001")  # private characters: no text has them
# What MathJax says about its own tree, for scripts that are not there.
NOISE = re.compile(r' (?:data-[\w-]+|focusable|xmlns)="[^"]*"')
PHONE = 34  # ex: what is wider does not fit a narrow page within a line
NO_NODE = "node was not found; the website needs it to set its formulas. Install Node.js."


class Formulas:
    """The formulas of a site, each set once.

    cache: a JSON file with what was set before, by digest; None: every formula is set anew.
    """

    def __init__(self, cache: Path | None = None) -> None:
        self.cache = cache
        self.numbers: dict[tuple[str, bool], int] = {}  # (TeX, display) -> number of its token
        self.made: list[str] = []

    def token(self, tex: str, display: bool = False) -> str:
        """Return what stands for a formula until `fill`."""
        number = self.numbers.setdefault((tex.strip(), display), len(self.numbers))
        return f"\ue000{number}\ue001"

    def typeset(self) -> None:
        """Set all formulas met so far.

        Raises:
            assets.AssetError: without Node or MathJax, or if a formula is no TeX.
        """
        known = self.cache and self.cache.is_file()
        kept = json.loads(self.cache.read_text(encoding="utf-8")) if known else {}
        sources = [path.read_text(encoding="utf-8") for path in (SCRIPT, Path(__file__))]
        version = "".join([assets.packages()["mathjax"], *sources])
        keys = {
            formula: hashlib.sha256(f"{version}{formula}".encode()).hexdigest()[:24]
            for formula in self.numbers
        }
        missing = [formula for formula, key in keys.items() if key not in kept]
        if missing:
            kept |= {keys[f]: made for f, made in zip(missing, _run(missing), strict=True)}
        self.made = [kept[key] for key in keys.values()]
        if missing and self.cache:
            self.cache.parent.mkdir(parents=True, exist_ok=True)
            new = self.cache.with_suffix(".new")
            new.write_text(json.dumps({key: kept[key] for key in keys.values()}), encoding="utf-8")
            new.replace(self.cache)

    def fill(self, text: str) -> str:
        """Put the formulas, as HTML, in the place of their tokens."""
        return TOKEN.sub(lambda found: self.made[int(found[1])], text)

    def words(self, text: str) -> str:
        """Put the letters and signs of the formulas in the place of their tokens."""

        def plain(found: re.Match) -> str:
            mathml = re.search("<math.*</math>", self.made[int(found[1])], re.DOTALL)[0]
            return re.sub("<[^>]+>", "", mathml)

        return TOKEN.sub(plain, text)


def _run(formulas: list[tuple[str, bool]]) -> list[str]:
    """Return each (TeX, display) as HTML."""
    node = shutil.which("node")
    if node is None:
        raise assets.AssetError(NO_NODE)
    folder = assets.install()["mathjax"] / "node"
    done = subprocess.run(
        [node, str(SCRIPT), str(folder)],
        input=json.dumps(formulas),
        capture_output=True,
        encoding="utf-8",
    )
    if done.returncode:
        raise assets.AssetError(f"MathJax could not set the formulas: {done.stderr.strip()}")
    return [
        _html(tex, display, *made)
        for (tex, display), made in zip(formulas, json.loads(done.stdout), strict=True)
    ]


def _html(tex: str, display: bool, svg: str, mathml: str) -> str:
    wrong = re.search('data-mjx-error="([^"]*)"', mathml)
    if wrong:
        raise assets.AssetError(f"the formula {tex!r} cannot be set: {wrong[1]}")
    svg = NOISE.sub("", svg).replace('role="img"', 'aria-hidden="true"', 1)
    mathml = re.sub(r">\s+<", "><", re.sub(r' data-[\w-]+="[^"]*"', "", mathml))
    wide = float(re.search(r'width="([\d.]+)ex"', svg)[1]) > PHONE
    kind = " display" if display else " wide" if wide else ""
    return f'<span class="math{kind}">{svg}{mathml}</span>'
