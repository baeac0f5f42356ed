"""The page of a function in a browser, and the modules of the page without it."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from places import ROOT

from comparisons import explore


@pytest.fixture(scope="module")
def script(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Return what the body of a JavaScript function of `given` returns; it can import modules."""
    addresses = {
        path.stem: f"data:text/javascript;base64,{base64.b64encode(path.read_bytes()).decode()}"
        for path in (ROOT / "comparisons" / "page" / "live").glob("*.js")
    }
    context = chromium.new_context(offline=True)
    page = context.new_page()
    imports = json.dumps({"imports": addresses})
    page.set_content(f'<!doctype html><script type="importmap">{imports}</script>')
    yield lambda body, given: page.evaluate(f"async (given) => {{ {body} }}", given)
    context.close()


@pytest.fixture
def opened(page: Any, tmp_path: Path) -> Callable[..., Any]:
    def opened(f: Callable[..., Any], *args: Any) -> Any:
        path = tmp_path / "page.html"
        explore(f, *args, path=path)
        page.goto(path.as_uri())
        page.wait_for_selector("#step .rule")
        return page

    return opened
