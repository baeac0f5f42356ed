"""A headless Chromium for tests of pages: `page`, and what axe-core finds on one."""

import os
import shutil
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

VIEWS = tuple(product((1280, 375), ("light", "dark")))
INSTALL = "pages need a browser: python -m pip install -e '.[dev]' and apt install chromium"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The one browser of all tests; they are skipped where it or Playwright is not installed."""
    api = pytest.importorskip("playwright.sync_api", reason=INSTALL)
    pytest.importorskip("axe_core_python.sync_playwright", reason=INSTALL)
    path = shutil.which("chromium") or shutil.which("google-chrome") or os.environ.get("CHROMIUM")
    if path is None:
        pytest.skip(INSTALL)
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A page without a network; the test fails where it says anything on the console."""
    context = chromium.new_context(offline=True, viewport={"width": 1280, "height": 800})
    said: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    yield page
    context.close()
    assert said == []


def see(page: Any, width: int, scheme: str) -> None:
    """Show a page in a width, light or dark."""
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)


def findings(page: Any) -> list[str]:
    """Return what axe-core finds, and whether the page is wider than the view, in all VIEWS."""
    from axe_core_python.sync_playwright import Axe

    found = []
    for width, scheme in VIEWS:
        see(page, width, scheme)
        for rule in Axe().run(page)["violations"]:
            places = [node["html"] for node in rule["nodes"]]
            found.append(f"{width} {scheme}: {rule['id']}, {rule['help']}: {places}")
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append(f"{width} {scheme}: the page is wider than the view")
    return found
