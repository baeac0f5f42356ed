"""Training on the page, as a reader starts it."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import findings

from autodiff import value_and_grad
from comparisons import explore
from mlp import engine, scalar, tutorial_problem

X, T, PARAMS = tutorial_problem(12)


@pytest.fixture
def trained(page: Any, tmp_path: Path) -> Any:
    path = tmp_path / "page.html"
    explore(engine.loss, PARAMS, X, T, path=path)
    page.goto(path.as_uri())
    page.wait_for_selector("#plane .unit")
    return page


def after(params: Any, rate: float, f: Any = engine.loss) -> Any:
    _, gradients = value_and_grad(f)(params, X, T)
    return {name: x - rate * gradients[name] for name, x in params.items()}


def loss_after(steps: int, rate: float) -> float:
    params = dict(PARAMS)
    for _ in range(steps):
        params = after(params, rate)
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


def test_a_run_begins_again_from_the_weights_that_the_reader_chose(trained: Any) -> None:
    trained.locator("#inputs td input[type=text]").first.fill("2.5")
    before = shown_loss(trained)
    trained.click("text=One step")
    trained.click("text=One step")
    assert shown_loss(trained) != before
    trained.click("text=Begin again")
    assert shown_loss(trained) == before
    trained.click("text=Reset")
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
    count = "document.querySelector('#losses polyline')?.points.length ?? 0"
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


REACH = 1.15 * np.max(np.abs(X))


def drawn(page: Any, kind: str) -> list[Any]:
    """Return the paths of a kind in the plane, each as segments: their ends as x and y."""
    texts = page.locator(f"#plane .unit path{kind}").evaluate_all(
        "paths => paths.map((x) => x.getAttribute('d'))"
    )
    found = []
    for text in texts:
        x, y = np.array(re.findall(r"-?[\d.]+(?:e-?\d+)?", text), float).reshape(-1, 2).T
        points = REACH * np.stack([x / 140 - 1, 1 - y / 140], axis=1)
        found.append(points.reshape(-1, 2, 2))
    return found


def times(page: Any) -> float:
    """Return how many times as long as the next the step is that is drawn."""
    said = page.locator("#plane figcaption").inner_text()
    if "after the next step" in said:
        return 1.0
    return float(re.search(r"a step ([\d.]+) times as long", said)[1])


def units(points: Any, params: Any) -> Any:
    return points @ params["U"].T + params["b"]


@pytest.mark.parametrize("steps", [0, 30])
def test_lines_are_where_units_are_zero_and_arrows_go_where_the_gradient_takes_them(
    trained: Any, steps: int
) -> None:
    params = dict(PARAMS)
    trained.fill("#rate", "0.5")
    for _ in range(steps):
        trained.click("text=One step")
        params = after(params, 0.5)
    later = after(params, 0.5 * times(trained))
    assert times(trained) != 1.0
    lines, next_lines = drawn(trained, ":not([class])"), drawn(trained, ".later")
    arrows = np.array(drawn(trained, ".arrow")).reshape(3, 2, 2, 2)  # unit, arrow, end, x or y
    for k in range(3):
        for segments, numbers in ((lines[k], params), (next_lines[k], later)):
            np.testing.assert_allclose(units(segments, numbers)[..., k], 0.0, atol=1e-9)
            assert np.linalg.norm(segments[:, 1] - segments[:, 0], axis=1).sum() > REACH
        assert not np.allclose(arrows[k, :, 0], arrows[k, :, 1], atol=1e-3)
        np.testing.assert_allclose(units(arrows[k, :, 0], params)[..., k], 0.0, atol=1e-9)
        start, normal = arrows[k, :, 0], later["U"][k]
        distance = units(start, later)[:, k] / (normal @ normal)
        foot = start - distance[:, None] * normal
        isInside = np.all(np.abs(foot) < 0.95 * REACH, axis=1)
        assert isInside.any()
        np.testing.assert_allclose(arrows[k, isInside, 1], foot[isInside], atol=1e-9)
    assert trained.locator("#plane .unit text").all_text_contents() == [
        f"G[:, {k}]" for k in range(3)
    ]


def test_the_plane_has_the_colours_of_what_the_network_gives(trained: Any) -> None:
    pixels = trained.evaluate(
        "() => { const x = document.querySelector('#plane canvas');"
        "return Array.from(x.getContext('2d').getImageData(0, 0, x.width, x.height).data); }"
    )
    red, _, blue, opacity = np.reshape(pixels, (56, 56, 4)).transpose(2, 0, 1)
    middles = REACH * (2 * np.arange(56) + 1 - 56) / 56
    points = np.stack(np.meshgrid(middles, -middles), axis=-1)
    z = np.tanh(units(points, PARAMS)) @ PARAMS["W"] + PARAMS["c"]
    seen = np.abs(z) > 0.1  # where it is nearly transparent, colours are rounded
    np.testing.assert_array_equal((red > blue)[seen], (z > 0)[seen])
    np.testing.assert_allclose(opacity, 115 * np.tanh(np.abs(z) / 2), atol=1)


def rectified(params: Any, X: Any, t: Any) -> Any:
    H = np.tanh(X @ params["A"] + params["a"])
    K = np.maximum(H @ params["B"], 0.0)
    return np.mean((K @ params["v"] - t) ** 2)


def test_units_of_a_second_layer_have_curves_where_what_goes_into_them_is_zero(
    page: Any, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    shapes = {"A": (2, 4), "a": (4,), "B": (4, 2), "v": (2,)}
    params = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    path = tmp_path / "page.html"
    explore(rectified, params, X, T * 1.0, path=path)
    page.goto(path.as_uri())
    assert page.locator("#plane option").all_inner_texts() == ["v1", "v2"]
    page.select_option("#plane select", label="v2")
    assert "On a line a column of v2 is 0" in page.text_content("#plane figcaption")
    later = after(params, times(page), lambda p, X, t: rectified(p, X, t * 1.0))
    for kind, numbers in ((":not([class])", params), (".later", later)):
        lines = drawn(page, kind)
        assert sum(map(len, lines)) > 50
        for k, segments in enumerate(lines):
            H = np.tanh(segments @ numbers["A"] + numbers["a"])
            np.testing.assert_allclose((H @ numbers["B"])[..., k], 0.0, atol=0.02)


def test_a_network_in_one_line_has_the_line_of_its_output(page: Any, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    w = np.array([2.0, -1.0])
    explore(lambda w, X, t: np.mean((X @ w - t) ** 2), w, X, T * 1.0, path=path)
    page.goto(path.as_uri())
    (segments,) = drawn(page, ":not([class])")
    assert len(segments) > 30
    np.testing.assert_allclose(segments @ w, 0.0, atol=1e-9)


def test_an_arrow_below_a_slider_goes_down_the_gradient(trained: Any) -> None:
    _, gradients = value_and_grad(engine.loss)(PARAMS, X, T)
    flat = {name: np.ravel(gradients[name]) for name in ("U", "b", "W", "c")}
    expected = np.concatenate([flat[name] for name in flat])
    starts = np.concatenate([np.ravel(PARAMS[name]) for name in flat])
    reach = np.maximum(2, 2 * np.abs(starts))
    found = trained.locator(".ahead path").evaluate_all(
        """paths => paths.map((x) => x.getAttribute('d').match(/[-\\d.e]+/g)?.map(Number))
            .map((x) => x ? x[2] - x[0] : 0)"""
    )
    right = -times(trained) * expected * 36 / reach
    assert np.abs(right).max() > 3
    np.testing.assert_allclose(found, np.where(np.abs(right) < 1, 0, right), atol=1e-9)
    trained.get_by_label("U[0, 0]", exact=True).fill("1e3")  # far beyond the slider
    slider = trained.locator("#inputs input[type=range]").first
    assert float(slider.input_value()) == pytest.approx(1000, rel=0.01)
    trained.click("text=Reset")
    said = trained.locator(".ahead").first.get_attribute("aria-label")
    assert said.startswith("U[0, 0] by ")
    assert f"Each arrow shows where a step {times(trained):g} times" in trained.inner_text(
        "#inputs p"
    )


@pytest.mark.parametrize("number", ["1.7e308", "-1e200", "0"])
def test_the_plane_is_drawn_whatever_its_numbers(trained: Any, number: str) -> None:
    for name in ("U[0, 0]", "X[0, 0]"):
        trained.get_by_label(name, exact=True).fill(number)
    assert "NaN" not in trained.locator("#plane svg").evaluate("svg => svg.outerHTML")


def at(page: Any, x: float, y: float) -> tuple[float, float]:
    """Return where a point of the plane is on the screen."""
    page.locator("#plane canvas").scroll_into_view_if_needed()
    box = page.locator("#plane canvas").bounding_box()
    return (
        box["x"] + box["width"] * (x / REACH + 1) / 2,
        box["y"] + box["height"] * (1 - y / REACH) / 2,
    )


def place_of_mark(page: Any) -> Any:
    text = page.locator("#plane .picked").get_attribute("transform")
    x, y = map(float, re.findall(r"-?[\d.]+", text))
    return REACH * np.array([x / 140 - 1, 1 - y / 140])


def test_a_point_is_picked_and_moved_with_the_pointer(trained: Any) -> None:
    before = shown_loss(trained)
    x, y = at(trained, *X[3])
    trained.mouse.move(x, y)
    trained.mouse.down()
    trained.mouse.move(x + 1, y)
    trained.mouse.up()
    assert trained.locator("#example input").input_value() == "3"
    assert trained.locator("#step .worked").inner_text().startswith("z̄[3]")
    np.testing.assert_allclose(place_of_mark(trained), X[3], rtol=1e-9)
    assert shown_loss(trained) == before

    target = np.array([0.4 * REACH, -0.3 * REACH])
    trained.mouse.move(*at(trained, *X[3]))
    trained.mouse.down()
    trained.mouse.move(*at(trained, *target), steps=3)
    trained.mouse.up()
    moved = X.copy()
    moved[3] = trained.evaluate(
        "import('page').then(({ page }) => page.given.get(page.program.inputs"
        ".find((x) => x.name === 'X').term).slice(6, 8))"
    )
    np.testing.assert_allclose(moved[3], target, atol=0.02 * REACH)
    assert shown_loss(trained) == pytest.approx(engine.loss(PARAMS, moved, T), rel=1e-12)


def test_any_example_of_a_batch_is_picked_by_keyboard(page: Any, tmp_path: Path) -> None:
    X, T, params = tutorial_problem(500)
    path = tmp_path / "page.html"
    explore(engine.loss, params, X, T, path=path)
    page.goto(path.as_uri())
    while page.evaluate("document.activeElement.closest('#example') === null"):
        page.keyboard.press("Tab")
    page.keyboard.press("Control+A")
    page.keyboard.type("320")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.value") == "321"
    z = np.tanh(X[321] @ params["U"].T + params["b"]) @ params["W"] + params["c"]
    error = (1 / (1 + np.exp(-z)) - T[321]) / 500
    worked = page.locator("#step .worked").inner_text()
    assert worked.startswith("z̄[321]")
    assert float(worked.split("= ")[-1]) == pytest.approx(error, rel=1e-3)
    chosen = page.locator("#step td[aria-selected=true]").inner_text().replace("−", "-")
    assert float(chosen) == pytest.approx(error, rel=1e-3)
    row = page.locator("#inputs input[aria-label='X[321, 1]']").input_value()
    assert float(row) == pytest.approx(X[321, 1], rel=1e-4)
    assert "example 321" in page.locator("#plane svg").get_attribute("aria-label")
    page.keyboard.type("0")  # 3210 of 500
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.value") == "499"


def test_a_batch_is_picked_from_without_a_plane_and_what_has_none_has_no_picker(
    page: Any, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    W, data = np.array([1.0, -2.0, 0.5]), np.arange(21.0).reshape(7, 3)

    def mean_square(W: Any, data: Any) -> Any:
        z = data @ W
        return np.mean(z**2)

    explore(mean_square, W, data, path=path)
    page.goto(path.as_uri())
    page.fill("#example input", "5")
    page.press("#example input", "Enter")
    assert page.locator("#step .worked").inner_text().startswith("z̄[5]")
    params = {"U": [[1.0, 2.0]], "b": [0.0], "W": [1.0], "c": 0.0}
    explore(scalar.loss, params, [0.5, -1.0], 1.0, path=path)
    page.goto(path.as_uri())
    assert page.locator("#example").is_hidden()
    page.click("text=One step")
    assert page.locator(".ahead").count() == 5


@pytest.mark.parametrize("rate", ["x", "-1", "", "1e999"])
def test_a_learning_rate_that_is_none_is_said(trained: Any, rate: str) -> None:
    before = shown_loss(trained)
    trained.fill("#rate", rate)
    trained.click("text=One step")
    assert f'not "{rate}"' in trained.text_content("#train [role=status]")
    assert drawn(trained, ".arrow") == []
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
    for _ in range(2):
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
    assert page.locator("#plane").count() == 0
    assert shown_loss(page) == 0.0
