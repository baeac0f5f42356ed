"""Mistakes in other networks than the tutorial's, and the table of what is said about them."""

import linecache
import re

import pytest
from elsewhere import FOLDER, MISTAKES

from comparisons.homework.checking import Task, check_backprop
from comparisons.homework.loading import load

TABLE = FOLDER / "README.md"
NETWORKS = dict.fromkeys(mistake.network for mistake in MISTAKES)


def checked(network, code):
    path = FOLDER / f"{network}.py"
    loss, _ = load(path, "loss")
    module = {"__name__": "submission"}
    name = f"<{network}>"
    exec(compile(code, name, "exec"), module)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(linecache.cache, name, (len(code), None, code.splitlines(True), name))
        return check_backprop(module["backprop"], Task(loss, loss.__globals__["problem"]))


@pytest.mark.parametrize("network", NETWORKS)
def test_the_right_code_is_right_and_nothing_else_is_said(network):
    check = checked(network, (FOLDER / f"{network}.py").read_text(encoding="utf-8"))
    assert check.ok, check.text()
    assert check.hint() == check.notes == []


@pytest.fixture(scope="module")
def checks():
    return [checked(mistake.network, mistake.code) for mistake in MISTAKES]


def test_every_mistake_is_found_in_its_equations(checks):
    for mistake, check in zip(MISTAKES, checks, strict=True):
        found = re.split(", | and ", ", ".join(slip["equation"] for slip in check.mistakes))
        assert set(found) == set(mistake.equations.split(", ")), mistake


def test_no_other_line_is_called_the_mistake(checks):
    for mistake, check in zip(MISTAKES, checks, strict=True):
        for line in check.lines:
            own = f"This is your line {mistake.line}: "
            assert line.startswith((own, "It shows first in line ")) or not line, mistake


def test_most_mistakes_are_shown_in_their_line(checks):
    own = [line for check in checks for line in check.lines if line.startswith("This is your")]
    assert len(own) >= 19


def table(checks):
    rows = ["# Mistakes in other networks\n"]
    rows.append(
        "What `backprop check` says of a line that became wrong, at the last hint. Each network\n"
        "is a file here, with its loss and a right `backprop`.\n"
    )
    rows.append("| network | mistake | right | written | what is said |")
    rows.append("| --- | --- | --- | --- | --- |")
    for mistake, check in zip(MISTAKES, checks, strict=True):
        code = [f"`{' '.join(x.split())}`" if x else "" for x in (mistake.right, mistake.wrong)]
        said = re.sub(r" to \d+e[-+]\d+| to the last bit", "", " ".join(check.hint()[1:]))
        name = f"[{mistake.network}]({mistake.network}.py)"
        cells = [name, mistake.what, *code, said.replace("*", r"\*")]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def test_the_table_in_the_documentation_is_what_is_found(checks):
    assert TABLE.read_text(encoding="utf-8") == table(checks)


if __name__ == "__main__":
    TABLE.write_text(table([checked(x.network, x.code) for x in MISTAKES]), encoding="utf-8")
