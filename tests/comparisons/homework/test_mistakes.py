"""The folder of mistakes, graded as a class: each is found, and the table says what is found."""

import re

import pytest
from places import ROOT

from comparisons.homework.grading import Settings, grade, kinds, tables, write

FOLDER = ROOT / "docs" / "mistakes"
TABLE = FOLDER / "README.md"
FILES = sorted(path.name for path in FOLDER.glob("*.py"))
HEAD = """# Mistakes in backpropagation by hand, and what is said of them

Each file is a `backprop(X, t, params)` for the tutorial's network with one mistake, as people make
them. The last column is what `backprop check FILE` says of it; `backprop grade docs/mistakes`
grades them all. Equations are named after the variables of the forward pass, `G_bar` being the
adjoint of `G`, and `N` is the number of examples.

| file | mistake | found |
| --- | --- | --- |
"""


def described(name):
    """Return the mistake in a file, in words and by the equations in which it is."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    mistake, wrong = re.match(r'"""(.*?)\n\nWrong: (.*?)\n', text, re.DOTALL).groups()
    return " ".join(mistake.split()), wrong


def table(rows):
    """Return the table that the documentation prints."""
    lines = []
    for row in rows:
        name = row["submission"]
        verdict, *hints = row["hint"]
        found = " ".join(hints[1:] if hints and hints[0].startswith("The gradient") else hints)
        found = re.sub(r" reproduced to (the last bit|[\de-]+)", " reproduced", found)
        cell = (found or verdict).replace("|", r"\|").replace("*", r"\*")
        lines.append(f"| [{name}]({name}) | {described(name)[0]} | {cell} |\n")
    return HEAD + "".join(lines)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    journal = tmp_path_factory.mktemp("grades") / "journal"
    found = grade(FOLDER, journal, Settings(hint=3, seed=0, points=11, loss=None))
    return sorted(found, key=lambda row: row["submission"])


def test_there_is_a_row_for_every_file(rows):
    assert [row["submission"] for row in rows] == FILES
    assert len(FILES) >= 50


def test_every_mistake_is_found_wrong_and_nothing_else(rows):
    for row in rows:
        _, wrong = described(row["submission"])
        assert row["verdict"] == ("right" if wrong == "none" else "wrong"), row["submission"]


def test_every_slip_is_found_in_its_equation(rows):
    for row in rows:
        _, wrong = described(row["submission"])
        if wrong == "update":
            assert row["mistake"] == ["updated too early"], row["submission"]
        elif wrong == "loss":
            assert "The loss is wrong" in " ".join(row["hint"]), row["submission"]
        elif wrong not in ("all", "none"):
            named = set(re.split(", | and ", " and ".join(row["equation"])))
            assert named == set(wrong.split(", ")), row["submission"]
        elif wrong == "all":
            assert row["mistake"] != ["no typical slip"], row["submission"]


def test_where_there_is_a_line_it_is_one_of_the_file(rows):
    found = 0
    for row in rows:
        lines = (FOLDER / row["submission"]).read_text(encoding="utf-8").splitlines()
        for hint in row["hint"]:
            if match := re.fullmatch(r"This is your line (\d+): (.*)\.", hint):
                assert lines[int(match[1]) - 1].strip() == match[2], row["submission"]
                found += 1
    assert found >= 45


def test_the_table_in_the_documentation_is_what_is_found(rows):
    assert TABLE.read_text(encoding="utf-8") == table(rows)


def test_the_class_is_summed_up(rows, tmp_path):
    counts = kinds(rows)
    assert counts["1/N"] >= 5
    assert sum(counts.values()) >= len(rows) - 1
    assert len(tables(rows)) == 4
    for path in write(rows, tmp_path / "grades.csv"):
        assert path.stat().st_size > 5_000


if __name__ == "__main__":
    settings = Settings(hint=3, seed=0, points=11, loss=None)
    graded = grade(FOLDER, FOLDER / ".journal", settings)
    TABLE.write_text(table(sorted(graded, key=lambda row: row["submission"])), encoding="utf-8")
    (FOLDER / ".journal").unlink()
