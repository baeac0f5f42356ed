"""The run as a page, looked at in a browser."""

import importlib

import numpy as np
import pytest
from browser import findings
from rich.table import Table

from comparisons.cli import COMPARISONS
from comparisons.page.sheet import save
from comparisons.printing import as_html, circumstances, table
from comparisons.tables import report, speed
from comparisons.tables.ways import NUMPY_WAYS

OPTIONS = {"seed": 0, "points": 30, "hidden": 3, "steps": 60, "learning_rate": 1.0}


@pytest.fixture(scope="module")
def parts():
    made = []
    arguments = {"gradients": 5, "training": 5, "stability": 0, "differences": 3, "speed": 3}
    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        patch.setattr(speed, "installed_peers", list)
        patch.setattr(speed, "ROUNDS", 3)
        for part in COMPARISONS:
            module = importlib.import_module(f"comparisons.tables.{part}")
            if hasattr(module, "installed_ways"):
                patch.setattr(module, "installed_ways", lambda: list(NUMPY_WAYS))
            result = module.measure(*list(OPTIONS.values())[: arguments[part]])
            found = module.verdict(result), module.tables(result), module.figure(result)
            made.append(report.Part(part, *found))
    return made


@pytest.fixture(scope="module")
def path(parts, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    save(report.page(parts, OPTIONS, circumstances()), path)
    return path


@pytest.fixture
def shown(page, path):
    page.goto(path.as_uri())
    return page


def test_summary_first_circumstances_last_and_all_between(shown, parts):
    names = [part.name.capitalize() for part in parts]
    assert shown.locator("h2").all_inner_texts() == ["In short", *names, "Circumstances"]
    short = shown.locator("section").first.locator("li").all_inner_texts()
    assert short == [f"{part.name}: {part.verdict}" for part in parts]
    for part in parts:
        section = shown.locator(f"#{part.name}")
        text = " ".join(section.inner_text().split())
        for x in part.shown:
            assert isinstance(x, Table) or " ".join(x.split()) in text
        assert section.locator("table").count() == sum(isinstance(x, Table) for x in part.shown)
        assert shown.get_by_role("link", name=part.name).get_attribute("href") == f"#{part.name}"
    last = shown.locator("section").last.locator("tr").all_inner_texts()
    assert [x.split("\t") for x in last][1:6] == [
        ["seed", "0"],
        ["points", "30"],
        ["hidden", "3"],
        ["steps", "60"],
        ["learning rate", "1.0"],
    ]
    assert {"python", "numpy", "machine"} < {x.split("\t")[0] for x in last}


def test_every_cell_of_every_table_is_there(shown, parts):
    def cells(x):
        columns = [[str(column.header), *map(str, column.cells)] for column in x.columns]
        return [y.split() for row in zip(*columns) for y in row if y.strip()]

    for part in parts:
        tables = [x for x in part.shown if isinstance(x, Table)]
        for i, x in enumerate(tables):
            found = shown.locator(f"#{part.name} table").nth(i).locator("th, td").all_inner_texts()
            assert [y.split() for y in found if y.strip()] == cells(x)


def test_every_table_has_a_caption_and_heads_and_every_figure_a_text(shown, parts):
    tables = shown.locator("table")
    for i in range(tables.count()):
        assert tables.nth(i).locator("caption").inner_text()
        assert tables.nth(i).locator("th:not([scope])").count() == 0
        assert tables.nth(i).locator("th[scope=col]").count() >= 2
    images = shown.locator("img").evaluate_all("xs => xs.map(x => [x.alt, x.naturalWidth > 300])")
    assert [seen for _, seen in images] == [True] * len(parts)
    for (alt, _), part in zip(images, parts):
        assert part.verdict in alt
        assert part.figure.axes[0].get_title() in alt


def test_the_page_is_small(path):
    assert path.stat().st_size < 600_000


def test_no_accessibility_fault_in_any_view(shown):
    assert findings(shown) == []


def test_rows_without_a_name_belong_to_the_one_above_and_text_stays_text():
    given = table(["<who>", "", "n"], [["a&b", "x", "1"], ["", "y", "2"], ["c", "z", "3"]], left=2)
    html = as_html(given, "<b>")
    assert '<th scope="row" rowspan="2">a&amp;b</th><td>x</td>' in html
    assert "<tr><td>y</td>" in html
    assert '<th scope="row">c</th>' in html
    assert '<th scope="col">&lt;who&gt;</th><td></td>' in html
    assert "<caption>&lt;b&gt;</caption>" in html
