"""Makes the pictures of the README: plays the tutorial up to its report and takes pictures of the report's page.

    python scripts/screenshots.py

It needs a Chromium, as the bundled harness does.
"""

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from tutorial import play

from harness.envs.browser import find_chromium

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"
WIDTH, HEIGHT = 1000, 980


def main() -> None:
    """Write docs/images/report.png."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        play(Path(folder), last="halo-opt analyze")
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto((Path(folder) / "report" / "report.html").as_uri())
        page.locator("#findings").scroll_into_view_if_needed()
        page.evaluate("document.querySelector('#findings').scrollIntoView()")
        page.screenshot(path=FOLDER / "report.png")
        browser.close()


if __name__ == "__main__":
    main()
