"""The pages in a real browser: nothing runs over at 400 px, nothing is logged."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WIDTH_PX = 400

# Measures in an inner frame, since a browser's own window may have a least width.
PROBE = """<!DOCTYPE html><html><body style="margin:0">
<iframe id="f" src="PAGE" width="400" height="900" style="border:0"></iframe>
<pre id="found"></pre><script>
document.getElementById("f").addEventListener("load", () => {
  const page = document.getElementById("f").contentDocument;
  const over = [...page.body.querySelectorAll("*")].filter(e =>
    !e.closest(".scroll table, svg *, thead") && e.getBoundingClientRect().right > 400.5);
  document.getElementById("found").textContent = JSON.stringify({
    width: page.documentElement.scrollWidth, view: page.documentElement.clientWidth,
    over: over.map(e => e.tagName + " " + e.className + " " + e.textContent.slice(0, 40)),
  });
});
</script></body></html>
"""


def _open(page: Path, profile: Path) -> subprocess.CompletedProcess[str]:
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--allow-file-access-from-files",
        "--enable-logging=stderr",
        f"--user-data-dir={profile}",
        "--virtual-time-budget=5000",
        "--dump-dom",
        page.as_uri(),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: pages are not opened in a browser")
@pytest.mark.parametrize("name", ["draws/P02-T2", "draws/P02-T3", "batch"])
def test_page_fits_a_narrow_screen_and_logs_nothing(
    example_batch: Path, tmp_path: Path, name: str
) -> None:
    report = example_batch / "results" / name / "report.html"
    probe = tmp_path / "probe.html"
    probe.write_text(PROBE.replace("PAGE", report.as_uri()), encoding="utf-8")
    opened = _open(probe, tmp_path / "profile")
    text = re.search(r'<pre id="found">(.*?)</pre>', opened.stdout, re.DOTALL)
    assert text is not None
    found = json.loads(text.group(1).replace("&amp;", "&").replace("&lt;", "<"))
    assert found["view"] <= WIDTH_PX
    assert found["width"] <= WIDTH_PX
    assert found["over"] == []
    assert "CONSOLE" not in opened.stderr
