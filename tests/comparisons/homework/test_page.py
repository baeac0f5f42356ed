"""The page of a check, looked at in a browser: what it shows is what was found, and all is text."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from browser import findings
from places import ROOT

from comparisons.cli import main
from comparisons.homework.checking import Task, check_file
from comparisons.homework.page import page as written
from comparisons.page.sheet import save
from mlp import by_hand

MISTAKES = ROOT / "docs" / "mistakes"
TASK = Task.load(None)


@pytest.fixture
def shown(page, tmp_path):
    """Return what shows the page of a check of a file, with hints up to a level, all unfolded."""

    def show(path, hint=3, task=TASK):
        check = check_file(path, task=task)
        save(written(check, path, hint), tmp_path / "check.html")
        page.goto((tmp_path / "check.html").as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(x => x.open = true)")
        return check

    return show


def numbers(page, caption):
    """Return the entries of every table of a caption."""
    cells = "[...y.querySelectorAll('td')].map(z => z.innerText)"
    texts = page.locator(f"table:has(caption:text-is('{caption}')) tbody").evaluate_all(
        f"xs => xs.map(x => [...x.rows].map(y => {cells}))"
    )
    return [np.array(x, float) for x in texts]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("slope_at_G", "G_bar = H_bar * (1 - G * G)"),
        ("bias_mean", 'grads["b"] = dG.mean(axis=0)'),
        ("slope_of_sigmoid", "delta1 = np.outer(delta2, W) * h * (1 - h)"),
    ],
)
def test_the_remark_stands_beside_the_line_and_the_gradients_below(page, shown, name, line):
    path = MISTAKES / f"{name}.py"
    check = shown(path)
    assert page.locator(".marked code").inner_text().strip() == line
    assert check.mistakes[0]["right"] in page.locator(".marked .remark").inner_text()
    lines = page.locator(".code code").all_inner_texts()
    assert "\n".join(lines).rstrip() == path.read_text().rstrip()
    rights = [by_hand.backprop(*data, params)[0] for params, data in TASK.drawn(0)]
    both = zip(check.arrays, numbers(page, "right"), numbers(page, "yours"))
    for key, right, yours in both:
        assert any(np.allclose(right, x[key], rtol=1e-3) for x in rights)
        assert np.allclose(yours, right, rtol=1e-3) == (key in check.right)
    framed = page.locator(".off").count()
    assert framed == sum(np.size(check.arrays[key][0]) for key in check.wrong) > 0


def test_no_accessibility_fault_in_any_view(page, shown):
    shown(MISTAKES / "slope_at_G.py")
    assert findings(page) == []


def test_hints_are_folded_and_open_by_the_keyboard_and_in_print(page, shown):
    shown(MISTAKES / "slope_at_G.py")
    page.reload()
    words = page.locator("details li").filter(has_text="the slope was taken at G")
    assert not words.is_visible()
    page.locator("summary").nth(2).focus()
    page.keyboard.press("Enter")
    assert words.is_visible()
    page.keyboard.press("Enter")
    page.emulate_media(media="print")
    assert words.is_visible()


def test_no_more_than_the_level_of_hints_is_in_the_page(page, shown):
    path = MISTAKES / "slope_at_G.py"
    check = check_file(path)
    right, numbers = check.mistakes[0]["right"], check.per_parameter["U"]
    source = {hint: written(check, path, hint) for hint in range(4)}
    for hint, text in source.items():
        assert (right in text) == (numbers["engine"] in text) == (hint == 3)
        assert ('class="marked"' in text) == (hint >= 2)
        assert ("<details>" in text) == ("gradient in" in text) == (hint >= 1)
        assert text.count('class="heat"') == (8 if hint == 3 else 0)
    shown(path, 1)
    assert findings(page) == []


def test_hostile_names_and_code_are_text(page, shown, tmp_path):
    path = tmp_path / "<img src=x onerror=alert(1)> & \"'.py"
    evil = '# </code></style></script><script>alert(2)</script><!-- "&amp;\n'
    path.write_text(evil + (MISTAKES / "sign.py").read_text())
    shown(path)
    assert path.name in page.locator("h1").inner_text()
    assert page.title() == page.locator("h1").inner_text()
    assert page.locator(".code code").first.inner_text() == evil.rstrip()
    assert page.locator("script, img").count() == 0
    assert findings(page) == []


def test_a_name_that_is_not_utf_8_and_a_file_that_cannot_be_checked(page, shown, tmp_path):
    path = tmp_path / "\udcff.py"
    path.write_bytes(b"def backprop(X, t, params):\n    return <b>\xff</b>\n")
    check = shown(path)
    assert check.problem
    assert r"\udcff.py could not be checked" in page.locator("h1").inner_text()
    assert page.locator(".code code").nth(1).inner_text() == "    return <b>\ufffd</b>"
    missing = tmp_path / "missing.py"
    shown(missing)
    assert "cannot be read" in page.locator("main").inner_text()
    assert page.locator(".code").count() == 0
    assert findings(page) == []


def test_in_a_notebook_the_remark_is_in_its_cell(page, shown, tmp_path):
    source = (MISTAKES / "slope_at_G.py").read_text().splitlines(keepends=True)
    cells = [["%matplotlib inline\n", "import numpy as np"], source]
    raw = {"cells": [{"cell_type": "code", "source": cell} for cell in cells]}
    path = tmp_path / "homework.ipynb"
    path.write_text(json.dumps(raw))
    shown(path)
    assert page.locator("h3").all_inner_texts()[:2] == ["cell 1", "cell 2"]
    assert page.locator(".code").nth(0).locator(".marked").count() == 0
    assert "G * G" in page.locator(".code").nth(1).locator(".marked code").inner_text()
    assert page.locator(".code code").first.inner_text() == "%matplotlib inline"
    page.locator("a").click()
    assert page.url.endswith(f"#{page.locator('.marked').get_attribute('id')}")


LARGE = """
import numpy as np


def loss(params, X, t):
    return np.mean((np.tanh(X @ params["A"]) @ params["w"] - t) ** 2)


def problem(rng):
    params = {"A": rng.normal(size=(20, 13)), "w": rng.normal(size=13)}
    return rng.normal(size=(11, 20)), rng.normal(size=11), params


def backprop(X, t, params):
    H = np.tanh(X @ params["A"])
    e = 2 / len(X) * (H @ params["w"] - t)
    dH = np.outer(e, params["w"])
    dA = X.T @ (dH * (1 - H))
    return {"A": dA, "w": H.T @ e}
"""


def test_large_arrays_are_summarised(page, shown, tmp_path):
    path = Path(tmp_path, "large.py")
    path.write_text(LARGE)
    check = shown(path, task=Task.load(f"{path}:loss"))
    assert check.wrong == ["A"]
    assert page.locator(".heat").count() == 0
    assert "260 of 260 entries differ" in page.locator("main").inner_text()
    assert "0 of 13 entries differ" in page.locator("main").inner_text()
    assert findings(page) == []


def test_a_remark_in_the_forward_pass_and_one_behind_it(page, shown):
    shown(MISTAKES / "outputs_as_column.py")
    said = page.locator(".marked .remark").all_inner_texts()
    assert [x.split(" was")[0] for x in said] == ["Here t", "Here y"]
    assert page.locator(".marked > span").all_inner_texts() == ["19", "22"]


def test_the_command_writes_a_page_and_never_over_code(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(os, "environ", os.environ.copy())
    code, out = str(MISTAKES / "sign.py"), tmp_path / "check.html"

    def run(*args, code=code):
        with pytest.raises(SystemExit) as stop:
            main(["check", code, *args])
        return stop.value.code, *capsys.readouterr()

    status, said, _ = run("--html", str(out))
    assert (status, said.splitlines()[-1]) == (1, f"Page: {out}")
    assert "sign.py is wrong" in out.read_text()
    status, said, err = run("--json", "--html", str(out))
    assert json.loads(said)["ok"] is False
    assert err.strip() == f"Page: {out}"
    before = Path(code).read_bytes()
    status, _, err = run("--html", code)
    assert (status, err.count("\n"), Path(code).read_bytes()) == (2, 1, before)
    assert "not the name of a page" in err
    none = tmp_path / "none.html"
    status, said, _ = run("--html", str(none), code="nofile.py")
    assert (status, none.exists()) == (2, False)
    assert "nofile.py cannot be read" in said
    assert "Page" not in said
