"""The notebook runs from top to bottom, shows what it stores, and has the tutorial's numbers."""

import contextlib
import io
import json
import re
import sys
from typing import Any

import notebook
import numpy as np
import pytest
from places import GOLDEN

import mlp
from mlp import by_hand

STORED = notebook.stored()
ROUNDING = re.compile(r"\d(\.\d+)?e-1\d|to the last bit")


def code(book: Any) -> list[Any]:
    return [cell for cell in book.cells if cell.cell_type == "code"]


def printed(cell: Any) -> list[str]:
    """Return what a cell shows as text, without the sizes of rounding errors."""
    texts = [x.get("text") or x.data["text/plain"] for x in cell.outputs]
    return [ROUNDING.sub("rounding", text) for text in texts]


@pytest.fixture(scope="module")
def run() -> Any:
    return notebook.executed()


def test_it_shows_what_it_stores(run: Any) -> None:
    for stored, fresh in zip(code(STORED), code(run), strict=True):
        if "pytorch" not in stored.source or "torch" in sys.modules:
            assert printed(stored) == printed(fresh), stored.source
        assert ["image/png" in x.get("data", {}) for x in stored.outputs] == [
            "image/png" in x.get("data", {}) for x in fresh.outputs
        ]


def test_its_numbers_are_the_tutorials(run: Any) -> None:
    text = "\n".join(line for cell in code(run) for line in printed(cell))
    first = GOLDEN["first_step"]
    assert f"initial loss: {first['loss']:.4f}\n" in text
    assert "last loss: 0.0331\n" in text
    losses = dict(re.findall(r"^step +(\d+) +loss (\d\.\d+)$", text, re.MULTILINE))
    assert losses == {step: f"{loss:.4f}" for step, loss in GOLDEN["loss_by_step"].items()}
    gradients = dict(re.findall(r"^([UbWc]) (\S.*)$", text, re.MULTILINE))
    assert gradients.keys() == first["gradients"].keys()
    for name, expected in first["gradients"].items():
        np.testing.assert_allclose(json.loads(gradients[name]), expected, rtol=0, atol=5.1e-7)


def test_it_prints_the_derivation_and_finds_the_mistake(run: Any) -> None:
    shown = [x.data for cell in code(run) for x in cell.outputs if "data" in x]
    assert sum(r"\bar{\mathbf{G}} &= " in x.get("text/latex", "") for x in shown) == 1
    (found,) = [x["text/plain"] for x in shown if "with_a_slip is wrong" in x["text/plain"]]
    source = next(cell.source for cell in code(run) if "def with_a_slip" in cell.source)
    line = re.search(r"This is your line (\d+): (G_bar = .*)\.\n", found)
    assert line
    assert source.splitlines()[int(line[1]) - 1].strip() == line[2]


def test_with_the_mistake_the_loss_falls_at_first_and_is_nan_at_step_12() -> None:
    (cell,) = [cell for cell in code(STORED) if "def with_a_slip" in cell.source]
    scope: dict[str, Any] = {"np": np, "sigmoid": mlp.sigmoid, "check_backprop": str}
    exec(cell.source, scope)
    X, t, params = mlp.tutorial_problem()

    def backprop(X: Any, t: Any, params: Any) -> Any:
        return scope["with_a_slip"](X, t, params), by_hand.backprop(X, t, params)[1]

    with np.errstate(all="ignore"), pytest.raises(mlp.Diverged) as raised:
        mlp.train(backprop, X, t, params, steps=20, learning_rate=1.0, progress=False)
    losses = raised.value.history.losses
    assert np.all(np.diff(losses[:8]) < 0)
    assert np.flatnonzero(np.isnan(losses)).tolist() == [12]


def test_pytorch_is_skipped_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    (cell,) = [cell for cell in code(STORED) if "import pytorch" in cell.source]
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "mlp.pytorch", raising=False)
    monkeypatch.delattr(mlp, "pytorch", raising=False)
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        exec(cell.source, {})
    assert re.fullmatch(r"Skipped: .* needs PyTorch; install it with: .*\n", text.getvalue())


def test_it_is_small_and_its_figures_are_described() -> None:
    assert notebook.PATH.stat().st_size < 1_000_000
    drawn = [x for x in code(STORED) if any("image/png" in o.get("data", {}) for o in x.outputs)]
    assert len(drawn) == 4
    assert all(len(cell.metadata.alt) > 20 for cell in drawn)
