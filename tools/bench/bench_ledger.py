"""How long `ledger(VGG("D"))` takes and what memory it needs, beside torchinfo and fvcore.

Each tool counts the same network, with weights in memory, in a fresh interpreter. "First" is the
first count after the imports; "again" is the best of the counts after it. Memory is how far the
peak of the resident memory rises during the first count, the weights being there already.

torchinfo and fvcore are not needed by the course. To compare with them:
`.venv/bin/python -m pip install --target build/bench-extras torchinfo fvcore`
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from row import Row

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = ROOT / "build" / "bench-extras"
INSTALL = "not installed: .venv/bin/python -m pip install --target build/bench-extras"

AGAIN = 5
MEMORY_GOAL = 10  # MB
SPEED_GOAL = 1 / 20  # of torchinfo's time
BUILD_GOAL = 50  # ms
BUILDS = 7

COUNTS = {
    "course_utils.ledger": (
        "from course_utils.ledger import ledger",
        "table = ledger(model); total = table.macs",
    ),
    "torchinfo": (
        "from torchinfo import summary",
        "total = summary(model, (1, 3, 224, 224), verbose=0).total_mult_adds",
    ),
    "fvcore": (
        "from fvcore.nn import FlopCountAnalysis",
        "count = FlopCountAnalysis(model, torch.zeros(1, 3, 224, 224));"
        " count.unsupported_ops_warnings(False).uncalled_modules_warnings(False);"
        " total = int(count.total())",
    ),
}
PROGRAM = """
import json, resource, sys, time
sys.path.append({extras!r})
try:
    {imports}
except ModuleNotFoundError as error:
    print(json.dumps({{"missing": error.name}}))
    sys.exit()
import torch
from course_utils.models import VGG

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * {peak_unit}

def count():
    begin = time.perf_counter()
    {count}
    return (time.perf_counter() - begin) * 1000, total

torch.set_grad_enabled(False)
with torch.device("meta"):
    model = VGG("D")
model = model.to_empty(device="cpu").eval()
for parameter in model.parameters():
    parameter.zero_()
before = peak()
first, total = count()
memory = peak() - before
again = min(count()[0] for _ in range({again}))
print(json.dumps({{"first": first, "again": again, "memory": memory / 1e6, "total": total}}))
"""

BUILD = """
import json, time, torch
from torch import nn
from course_utils.models import VGG, AlexNet, CifarResNet, GoogLeNet, LeNet5, ResNet

def bare(module):  # the same layer, as torch makes it by itself
    bias = getattr(module, "bias", None) is not None
    if isinstance(module, nn.Conv2d):
        return nn.Conv2d(module.in_channels, module.out_channels, module.kernel_size, bias=bias)
    if isinstance(module, nn.Linear):
        return nn.Linear(module.in_features, module.out_features)
    if isinstance(module, nn.BatchNorm2d):
        return nn.BatchNorm2d(module.num_features)
    return nn.Module()

def times(build):
    found = []
    for _ in range({builds}):
        begin = time.process_time()
        with torch.device("meta"):
            build()
        found.append((time.process_time() - begin) * 1000)
    return found

whole = times(lambda: {network})
with torch.device("meta"):
    modules = list({network}.modules())
print(json.dumps([whole[0], min(whole), min(times(lambda: [bare(m) for m in modules]))]))
"""
NETWORKS = (
    'LeNet5("paper")',
    'AlexNet("paper")',
    'VGG("E")',
    "GoogLeNet(auxiliary=True)",
    'ResNet(152, "B")',
    'ResNet(152, "C")',
    'CifarResNet(110, "A")',
)
LARGEST = 'CifarResNet(1202, "A")'  # 4,809 modules: torch needs 0.1 ms to make one


def run(program: str):
    """Run a program in a fresh interpreter and return what it prints, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def measured(tool: str) -> dict:
    """Count VGG-16 with one tool: {"first": ms, "again": ms, "memory": MB, "total": its MACs}.

    {"missing": name} if it is not installed.
    """
    imports, count = COUNTS[tool]
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
    return run(
        PROGRAM.format(
            imports=imports, count=count, extras=str(EXTRAS), peak_unit=unit, again=AGAIN
        )
    )


def measure() -> Iterator[Row]:
    """Yield rows for each tool, for the goals, and for building the networks."""
    found = {tool: measured(tool) for tool in COUNTS}
    ours = found["course_utils.ledger"]
    for tool, numbers in found.items():
        if "missing" in numbers:
            yield Row(f"{tool} of VGG-16", None, "ms", None, f"{INSTALL} {tool}")
            continue
        goal = MEMORY_GOAL if numbers is ours else None
        macs = f"finds {numbers['total']:,} MACs"
        yield Row(f"{tool} of VGG-16, first", numbers["first"], "ms", None, macs)
        yield Row(f"{tool} of VGG-16, again", numbers["again"], "ms", None, f"best of {AGAIN}")
        yield Row(f"{tool} of VGG-16, memory", numbers["memory"], "MB", goal, "rise of the peak")
    rival = found["torchinfo"]
    for when in ("first", "again"):
        what, note = f"ledger / torchinfo, {when}", "time once imported; 0.05 is 20 times faster"
        if "missing" in rival:
            yield Row(what, None, "", SPEED_GOAL, f"{INSTALL} torchinfo")
        else:
            yield Row(what, ours[when] / rival[when], "", SPEED_GOAL, note)
    for network in (*NETWORKS, LARGEST):
        first, best, bare = run(BUILD.format(builds=BUILDS, network=network))
        note = f"processor time, best of {BUILDS}; torch's own for its layers {bare:.0f} ms"
        note += f"; the first takes {first:.0f} ms"
        goal = None if network == LARGEST else BUILD_GOAL
        yield Row(f"build {network} on meta", best, "ms", goal, note)
