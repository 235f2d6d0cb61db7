"""Is this computer ready for the course? One line per check: OK, or what to do about it.

``preflight()`` looks at Python, at every package the course needs, at the processor torch computes
on, at the data files, at the place where answers are stored, and at the widgets. What differs from
computer to computer stands in the form ``(found ...)``, so that the rest can be compared in a test.
"""

from __future__ import annotations

import html
import importlib.metadata
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from itertools import count
from pathlib import Path

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


@dataclass(frozen=True)
class Check:
    """One line of the report.

    what: what was looked at and is expected, as in "torch >=2.6,<3". found: what this computer has;
    may differ from one to the next, empty if nothing does. remedy: what to do; empty if all is
    well.
    """

    what: str
    found: str = ""
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is nothing to do."""
        return not self.remedy

    @property
    def finding(self) -> str:
        """What was found as the report says it: in brackets that hold no others."""
        return f" (found {self.found.replace('(', '').replace(')', '')})" if self.found else ""

    def __str__(self) -> str:
        todo = "" if self.ok else f"\n       {self.remedy}"
        return f"{'OK   ' if self.ok else 'TO DO'}  {self.what}{self.finding}{todo}"


class Preflight:
    """The report, and, where it is shown, a button that says whether widgets answer.

    The button counts in the kernel, so a number that rises proves both directions. Without a kernel
    the report is plain HTML.
    """

    def __init__(self, checks: list[Check]):
        self.checks = checks

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
        return ipywidgets.VBox([ipywidgets.HTML(self._html()), ipywidgets.HBox([button, answer])])

    def __repr__(self) -> str:
        return "\n".join([*map(str, self.checks), "", self._verdict()])

    def _repr_mimebundle_(self, **options):
        bundle = self.widget()._repr_mimebundle_(**options)
        return bundle | {"text/plain": repr(self), "text/html": self._html() + _says(NO_WIDGETS)}

    def _verdict(self) -> str:
        to_do = sum(not check.ok for check in self.checks)
        return {0: "All is ready.", 1: "One thing to do."}.get(to_do, f"{to_do} things to do.")

    def _html(self) -> str:
        return (
            f'<table style="border-collapse:collapse; color:{INK}; background:{PAPER}">'
            '<caption style="text-align:left; font-weight:bold; padding:0.3em">'
            f"{self._verdict()}</caption><tbody>{''.join(map(_row, self.checks))}</tbody></table>"
        )


def _row(check: Check) -> str:
    cell = "padding:0.15em 0.8em 0.15em 0.3em; text-align:left; vertical-align:top"
    colour, word = (GOOD, "OK") if check.ok else (BAD, "TO DO")
    remedy = "" if check.ok else f"<br><strong>{html.escape(check.remedy)}</strong>"
    return (
        f'<tr style="background:none"><th scope="row" style="{cell}">'
        f'<span style="border-left:0.5em solid {colour}; padding-left:0.5em">{word}</span></th>'
        f'<td style="{cell}">{html.escape(check.what)}'
        f'<span style="color:{MUTED}">{html.escape(check.finding)}</span>{remedy}</td></tr>'
    )


def _says(text: str) -> str:
    style = f"color:{INK}; background:{PAPER}; margin:0; padding:0.3em"
    return f'<p role="status" style="{style}">{html.escape(text)}</p>'


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
    """Compare one requirement, such as ``Requirement("torch>=2.6,<3")``, with what is installed."""
    bounds = sorted(str(requirement.specifier).split(","), reverse=True)  # >= before <
    what = f"{requirement.name} {','.join(bounds)}"
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return Check(what, "nothing", f"{requirement.name} is missing. {_reinstall()}")
    if requirement.specifier.contains(version, prereleases=True):
        return Check(what, version)
    return Check(what, version, f"This version was not tried with the course. {_reinstall()}")


def check_device() -> Check:
    """Name the processor that torch computes on, after one multiplication on it."""
    what = "Device that torch computes on"
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: a shared library of torch does not load
        return Check(what, "no torch", f"torch cannot be imported ({error}). {_reinstall()}")
    name, device = "CPU", "cpu"
    if torch.cuda.is_available():
        name, device = f"GPU {torch.cuda.get_device_name()}", "cuda"
    elif torch.backends.mps.is_available():
        name, device = "Apple GPU, MPS", "mps"
    try:
        total = (torch.ones(2, 3, device=device) @ torch.ones(3, 2, device=device)).sum().item()
    except RuntimeError as error:
        return Check(what, name, f"The {name} fails ({error}). Update its driver, or use the CPU.")
    if total != 12:
        return Check(what, name, f"The {name} multiplies wrongly. Update its driver.")
    return Check(what, name)


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
        with tempfile.NamedTemporaryFile(dir=folder, prefix="preflight-") as file:
            file.write(b"ready")
            file.flush()
    except OSError as error:
        remedy = (
            f"{folder} cannot be written ({error.strerror or error}). Make it writable, or name "
            "another with the environment variable CNN_COURSE_STATE before you start JupyterLab."
        )
    return Check("Your answers can be stored", remedy=remedy)


def check_disk(free: float | None = None) -> Check:
    """Compare the free disk space at the course, in GB, with the 1 GB the course may need.

    That is for data sets fetched on request and exported slides.
    """
    if free is None:
        free = shutil.disk_usage(data_files.DATA.parent).free / 1e9
    what = "Free disk space, at least 1 GB"
    if free >= 1:
        return Check(what)  # how much more differs from hour to hour: a rerun would change it
    return Check(what, f"{free:,.1f} GB", "Make room, or the larger data sets will not fit.")


def check_widgets() -> Check:
    """Open and close a channel for a widget: the kernel's half of what a button needs."""
    import ipywidgets
    from IPython import get_ipython

    what = "The kernel can drive widgets"
    if getattr(get_ipython(), "kernel", None) is None:
        return Check(what, remedy="This is not a notebook. Open the course with `make lab`.")
    probe = ipywidgets.Button()
    opened = probe.comm is not None and bool(probe.comm.comm_id)
    probe.close()
    return Check(what) if opened else Check(what, remedy=f"No channel was opened. {_reinstall()}")
