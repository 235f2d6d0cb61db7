"""The website: what a first live panel transfers and takes, and slider to new picture."""

import functools
import gzip
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from row import Row

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tools import build_site  # noqa: E402  (the repository is on the path only now)
from tools.slides import browser  # noqa: E402

PAGE = "02_parameter_sharing.html"  # its panel stands near the top
TIMES = 5
MOVES = 60
ALIVE = """() => new Promise((resolve) => {
  const look = () => document.querySelector('[data-panel][data-state=live]')
    ? resolve(performance.now()) : setTimeout(look, 5);
  look();
})"""
ALL_ALIVE = """() => new Promise((resolve) => {
  const look = () => document.querySelector('.live:not([data-state=live], [data-state=still])')
    ? setTimeout(look, 50) : setTimeout(resolve, 1000);
  look();
})"""
MOVE = """() => new Promise((resolve) => {
  const panel = document.querySelector('[data-panel]'), since = performance.now();
  const slider = panel.querySelector('input[type=range]');
  const seen = new MutationObserver(() => {
    seen.disconnect();
    resolve(performance.now() - since);
  });
  seen.observe(panel.querySelector('.scroll'), { childList: true, subtree: true });
  slider.value = slider.value === slider.max ? slider.min : Number(slider.value) + 1;
  slider.dispatchEvent(new Event('input', { bubbles: true }));
})"""


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def end_headers(self):
        self.send_header("Cache-Control", "max-age=600")  # as static hosts do
        super().end_headers()

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        if path.is_file():
            self.server.sent.append(path)
        super().do_GET()


def measure() -> Iterator[Row]:
    """Build a site, serve it on loopback, and open a page in fresh and in used browsers."""
    chromium = browser.find_chromium()
    if chromium is None:
        yield Row("site, first live panel", None, "ms", None, "no Chromium found")
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "site"
        build_site.build(folder)
        handler = functools.partial(_Handler, directory=folder)
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.sent = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield from _visits(chromium, server)
        server.shutdown()


def _visits(chromium: str, server) -> Iterator[Row]:
    from playwright.sync_api import sync_playwright

    base, cold, warm = f"http://127.0.0.1:{server.server_port}", [], []
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(browser.FLAGS))
        for visit in range(TIMES):
            page = running.new_page()
            cold.append(_first(page, base))
            if not visit:
                sent = sum(len(gzip.compress(path.read_bytes())) for path in set(server.sent))
            page.goto(f"{base}/index.html")
            warm.append(_first(page, base))
            if visit == TIMES - 1:
                page.evaluate(ALL_ALIVE)
                moves = [page.evaluate(MOVE) for _ in range(MOVES)]
            page.close()
        running.close()
    note = f"{PAGE}, loopback, median of {TIMES}"
    yield Row("site, transfer to the first live panel", sent / 1e6, "MB", 7, "gzip, all files")
    yield Row("site, first live panel, cold", statistics.median(cold), "ms", 3_000, note)
    yield Row("site, first live panel, warm", statistics.median(warm), "ms", 2_000, note)
    slow = statistics.quantiles(moves, n=20)[-1]
    yield Row("site, slider to picture, median", statistics.median(moves), "ms", None, "in the DOM")
    yield Row("site, slider to picture, p95", slow, "ms", 16, f"{MOVES} moves of ParameterSharing")


def _first(page, base: str) -> float:
    """Open the page; return the milliseconds until its panel is alive."""
    page.goto(f"{base}/{PAGE}", wait_until="commit")
    return page.evaluate(ALIVE)
