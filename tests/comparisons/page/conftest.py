"""The modules of the page in a browser, without the page."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from places import ROOT


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
