"""Is this computer ready for the course? One line per check: OK, or what to do about it.

``preflight()`` looks at Python, at every package the course needs, at the processor torch computes
on, at the data files, at the place where answers are stored, and at the widgets. What differs from
computer to computer stands in the form ``(found ...)``, so that the rest can be compared in a test.
"""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sys
import tempfile
from html import escape
from itertools import count
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from course_utils.datasets import files as data_files
from course_utils.drawing.style import BAD, GOOD, INK, MUTED, PAPER
from course_utils.state import state_dir

DISTRIBUTION = "cnn-architectures-course"

NO_WIDGETS = (
    "You see this line in place of a button: run the cell. If no button appears then, the page has "
    "no widgets: save, close JupyterLab and start it again with `make lab`."
)


class Check(NamedTuple):
    """One line of the report: what is expected, "torch >=2.6,<3", and what to do where it is not.

    found: what this computer has; may differ from one to the next, empty if nothing does.
    """

    what: str
    found: str = ""
    remedy: str = ""

    @property
    def finding(self) -> str:
        """What was found as the report says it: in brackets that hold no others."""
        return f" (found {self.found.replace('(', '').replace(')', '')})" if self.found else ""

    def __str__(self) -> str:
        first, todo = ("TO DO", f"\n       {self.remedy}") if self.remedy else ("OK   ", "")
        return f"{first}  {self.what}{self.finding}{todo}"

    def html(self) -> str:
        """Return a row of the table."""
        cell = "padding:0.15em 0.8em 0.15em 0.3em; text-align:left; vertical-align:top"
        colour, word = (BAD, "TO DO") if self.remedy else (GOOD, "OK")
        remedy = f"<br><strong>{escape(self.remedy)}</strong>" if self.remedy else ""
        return (
            f'<tr style="background:none"><th scope="row" style="{cell}">'
            f'<span style="border-left:0.5em solid {colour}; padding-left:0.5em">{word}</span></th>'
            f'<td style="{cell}">{escape(self.what)}'
            f'<span style="color:{MUTED}">{escape(self.finding)}</span>{remedy}</td></tr>'
        )


class Preflight:
    """The report, and, where it is shown, a button that says whether widgets answer.

    The button counts in the kernel: a number that rises proves both directions. Without a kernel
    the report is plain HTML.
    """

    def __init__(self, checks: list[Check]):
        self.checks = checks
        to_do = sum(bool(check.remedy) for check in checks)
        verdicts = {0: "All is ready.", 1: "One thing to do."}
        self.verdict = verdicts.get(to_do, f"{to_do} things to do.")
        self.html = (
            f'<table style="border-collapse:collapse; color:{INK}; background:{PAPER}">'
            '<caption style="text-align:left; font-weight:bold; padding:0.3em">'
            f"{self.verdict}</caption><tbody>{''.join(map(Check.html, checks))}</tbody></table>"
        )

    def widget(self):
        """Return the report with a button, as an ipywidget."""
        import ipywidgets

        presses = count(1)

        def press(_) -> None:
            number = next(presses)
            times = "once" if number == 1 else f"{number} times"
            answer.value = _says(f"OK: the kernel heard you press {times}. Widgets are alive.")

        button = ipywidgets.Button(
            description="Press me", tooltip="Check that the kernel answers", button_style="primary"
        )
        button.on_click(press)
        answer = ipywidgets.HTML(_says("A live button: press it, and the kernel answers here."))
        return ipywidgets.VBox([ipywidgets.HTML(self.html), ipywidgets.HBox([button, answer])])

    def __repr__(self) -> str:
        return "\n".join([*map(str, self.checks), "", self.verdict])

    def _repr_mimebundle_(self, **options):
        bundle = self.widget()._repr_mimebundle_(**options)
        return bundle | {"text/plain": repr(self), "text/html": self.html + _says(NO_WIDGETS)}


def _says(text: str) -> str:
    style = f"color:{INK}; background:{PAPER}; margin:0; padding:0.3em"
    return f'<p role="status" style="{style}">{escape(text)}</p>'


def preflight() -> Preflight:
    """Check this computer and return the report, to be the last expression of a cell.

    Nothing is raised for what is wrong with the computer: each trouble is a line with its remedy.
    """
    first = [check_python(), *check_packages(), check_device(), *check_data()]
    return Preflight([*first, check_answers(), check_disk(), check_widgets()])


def _reinstall() -> str:
    if (Path(sys.prefix) / "conda-meta").is_dir():
        return (
            "Close JupyterLab, run `conda env update -f environment.yml` in the course folder, "
            "and start it again with `python tools/lab.py`."
        )
    return "Close JupyterLab and run `make lab` in the course folder."


def check_python(found: str = platform.python_version()) -> Check:
    """Compare Python's version, such as "3.11.7", with what the course needs."""
    fits = SpecifierSet(">=3.11").contains(found, prereleases=True)
    remedy = (
        "Install Python 3.11 or later from python.org, delete the folder .venv of the course and "
        "run `make lab` again."
    )
    return Check("Python >=3.11", found, "" if fits else remedy)


def check_packages(distribution: str = DISTRIBUTION) -> list[Check]:
    """Compare every package that the course requires with the version that is installed."""
    try:
        requirements = map(Requirement, importlib.metadata.requires(distribution) or [])
    except importlib.metadata.PackageNotFoundError:
        remedy = f"The course is not installed for this Python. {_reinstall()}"
        return [Check("The course's own package", "nothing", remedy)]
    needed = [r for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]
    return [check_package(r) for r in sorted(needed, key=lambda r: r.name)]


def check_package(requirement: Requirement) -> Check:
    """Compare one requirement with what is installed."""
    bounds = sorted(str(requirement.specifier).split(","), reverse=True)  # >= before <
    what = f"{requirement.name} {','.join(bounds)}"
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return Check(what, "nothing", f"{requirement.name} is missing. {_reinstall()}")
    fits = requirement.specifier.contains(version, prereleases=True)
    remedy = f"This version was not tried with the course. {_reinstall()}"
    return Check(what, version, "" if fits else remedy)


def check_device() -> Check:
    """Name the processor that torch computes on, after one multiplication on it."""
    what = "Device that torch computes on"
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: a shared library of torch does not load
        return Check(what, "no torch", f"torch cannot be imported ({error}). {_reinstall()}")
    name, device, remedy = "CPU", "cpu", ""
    if torch.cuda.is_available():
        name, device = f"GPU {torch.cuda.get_device_name()}", "cuda"
    elif torch.backends.mps.is_available():
        name, device = "Apple GPU, MPS", "mps"
    try:
        total = (torch.ones(2, 3, device=device) @ torch.ones(3, 2, device=device)).sum().item()
        if total != 12:
            remedy = f"The {name} multiplies wrongly. Update its driver."
    except RuntimeError as error:
        remedy = f"The {name} fails ({error}). Update its driver, or use the CPU."
    return Check(what, name, remedy)


def check_data() -> list[Check]:
    """Compare every file in ``data/`` with its checksum."""
    try:
        names = sorted(data_files.manifest())
    except data_files.DataFileError as error:
        return [Check("Data files", remedy=str(error))]
    checks = []
    for name in names:
        try:
            size = len(data_files.read_verified(name))
            checks.append(Check(f"Data file {name}, {size:,} bytes, checksum as in the manifest"))
        except data_files.DataFileError as error:
            checks.append(Check(f"Data file {name}", remedy=str(error)))
    return checks


def check_answers() -> Check:
    """Write and remove a file in the directory where quiz answers are kept."""
    folder, remedy = "The folder for answers", ""
    try:
        folder = state_dir()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"ready")
    except OSError as error:
        remedy = (
            f"{folder} cannot be written ({error.strerror or error}). Make it writable, or name "
            "another with the environment variable CNN_COURSE_STATE before you start JupyterLab."
        )
    return Check("Your answers can be stored", remedy=remedy)


def check_disk(free: float | None = None) -> Check:
    """Compare the free disk space at the course, in GB, with what fetched data and slides need."""
    free = shutil.disk_usage(data_files.DATA.parent).free / 1e9 if free is None else free
    if free >= 1:  # how much more differs from hour to hour: a rerun would change the line
        return Check("Free disk space, at least 1 GB")
    remedy = "Make room, or the larger data sets will not fit."
    return Check("Free disk space, at least 1 GB", f"{free:,.1f} GB", remedy)


def check_widgets() -> Check:
    """Open and close a channel for a widget: the kernel's half of what a button needs."""
    import ipywidgets
    from IPython import get_ipython

    remedy = "This is not a notebook. Open the course with `make lab`."
    if getattr(get_ipython(), "kernel", None) is not None:
        probe = ipywidgets.Button()
        opened = probe.comm is not None and probe.comm.comm_id
        probe.close()
        remedy = "" if opened else f"No channel was opened. {_reinstall()}"
    return Check("The kernel can drive widgets", remedy=remedy)
