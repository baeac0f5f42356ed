"""Training on the page, as a reader starts it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import findings

from autodiff import value_and_grad
from comparisons import explore
from mlp import engine, tutorial_problem

X, T, PARAMS = tutorial_problem(12)


@pytest.fixture
def trained(page: Any, tmp_path: Path) -> Any:
    path = tmp_path / "page.html"
    explore(engine.loss, PARAMS, X, T, path=path)
    page.goto(path.as_uri())
    page.wait_for_selector("#train canvas")
    return page


def loss_after(steps: int, rate: float) -> float:
    params = dict(PARAMS)
    for _ in range(steps):
        _, gradients = value_and_grad(engine.loss)(params, X, T)
        params = {name: x - rate * gradients[name] for name, x in params.items()}
    return float(engine.loss(params, X, T))


def shown_loss(page: Any) -> float:
    value: float = page.evaluate(
        "import('page').then(({ page }) => page.values[page.program.value][0])"
    )
    return value


def test_steps_are_those_of_gradient_descent_and_all_views_follow(trained: Any) -> None:
    trained.fill("#rate", "0.5")
    for _ in range(3):
        trained.click("text=One step")
    assert shown_loss(trained) == pytest.approx(loss_after(3, 0.5), rel=1e-12)
    assert trained.text_content("#train [role=status]").startswith("Step 3, loss")
    shown = float(trained.locator("#inputs td input[type=text]").first.input_value())
    assert shown != pytest.approx(PARAMS["U"].flat[0], rel=1e-6)
    trained.click("text=Begin again")
    assert shown_loss(trained) == pytest.approx(engine.loss(PARAMS, X, T), rel=1e-12)


def test_it_goes_on_from_a_number_that_the_reader_changed(trained: Any) -> None:
    trained.click("text=One step")
    trained.locator("#inputs td input[type=text]").first.fill("2.5")
    before = shown_loss(trained)
    trained.fill("#rate", "1e-9")
    trained.click("text=One step")
    assert shown_loss(trained) == pytest.approx(before, rel=1e-6)


def test_it_runs_until_it_is_paused_where_motion_is_not_reduced(trained: Any) -> None:
    trained.locator("#train button", has_text="Train").click()
    count = "document.querySelector('#train polyline').points.length"
    while trained.evaluate(count) < 6:
        trained.evaluate("new Promise(requestAnimationFrame)")
    trained.locator("#train button", has_text="Pause").click()
    before = trained.evaluate(count)
    trained.evaluate(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    assert trained.evaluate(count) == before
    trained.emulate_media(reduced_motion="reduce")
    trained.locator("#train button", has_text="Train").click()
    assert trained.evaluate(count) == before + 100


def test_a_point_is_moved_with_the_pointer(trained: Any) -> None:
    canvas = trained.locator("#train canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    reach = 1.15 * np.max(np.abs(X))

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            box["x"] + box["width"] * (x / reach + 1) / 2,
            box["y"] + box["height"] * (1 - y / reach) / 2,
        )

    target = np.array([0.4 * reach, -0.3 * reach])
    trained.mouse.move(*at(*X[3]))
    trained.mouse.down()
    trained.mouse.move(*at(*target), steps=3)
    trained.mouse.up()
    moved = X.copy()
    moved[3] = trained.evaluate(
        "import('page').then(({ page }) => page.given.get(page.program.inputs"
        ".find((x) => x.name === 'X').term).slice(6, 8))"
    )
    np.testing.assert_allclose(moved[3], target, atol=0.02 * reach)
    assert shown_loss(trained) == pytest.approx(engine.loss(PARAMS, moved, T), rel=1e-12)


@pytest.mark.parametrize("rate", ["x", "-1", "", "1e999"])
def test_a_learning_rate_that_is_none_is_said(trained: Any, rate: str) -> None:
    before = shown_loss(trained)
    trained.fill("#rate", rate)
    trained.click("text=One step")
    assert f'not "{rate}"' in trained.text_content("#train [role=status]")
    assert shown_loss(trained) == before


def test_a_run_that_parts_is_stopped_and_told_what_to_do(page: Any, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    explore(lambda x: np.sum(x**2), np.ones(2), path=path)
    page.goto(path.as_uri())
    page.fill("#rate", "1e200")
    for _ in range(3):
        page.click("text=One step")
    assert "try a smaller rate than 1e+200" in page.text_content("#train [role=status]")


def test_axe_finds_nothing_while_it_is_trained(trained: Any) -> None:
    trained.click("text=One step")
    assert findings(trained) == []


def test_a_function_without_points_in_a_plane_is_trained_without_a_picture(
    page: Any, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    explore(lambda x: np.sum((x - 1.0) ** 2), np.zeros(3), path=path)
    page.goto(path.as_uri())
    page.fill("#rate", "0.5")
    page.click("text=One step")
    assert page.locator("#train canvas").count() == 0
    assert shown_loss(page) == 0.0
