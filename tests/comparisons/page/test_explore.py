"""The page in a browser: linked views, steps by keyboard, numbers as the engine has them."""

import html
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import findings

from autodiff import exp, value_and_grad
from comparisons import explore
from mlp import engine, scalar, tutorial_problem

X, T, PARAMS = tutorial_problem(6)
LISTS = {name: np.asarray(p).tolist() for name, p in PARAMS.items()}


def two_layers(params: Any, X: Any, t: Any) -> Any:
    H = np.tanh(X @ params["A"] + params["a"])
    K = np.maximum(H @ params["B"], 0.0)
    return np.mean((K @ params["v"] - t) ** 2)


def softmax(W: Any, X: Any, t: Any) -> Any:
    z = X @ W
    e = exp(z - np.max(z, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(len(t)), t]))


def thrice(x: Any) -> Any:
    a = np.sin(x)
    return np.sum(a * a + np.exp(a))


rng = np.random.default_rng(0)
SHAPES = {"A": (2, 4), "a": (4,), "B": (4, 3), "v": (3,)}
FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "tutorial": (engine.loss, PARAMS, X, T),
    "two layers": (two_layers, {k: rng.normal(size=s) for k, s in SHAPES.items()}, X, T * 1.0),
    "softmax": (softmax, rng.normal(size=(2, 3)), X, np.array([0, 2, 1, 1, 0, 2])),
    "used three times": (thrice, np.array([0.5, -1.0, 2.0])),
    "number by number": (scalar.loss, LISTS, X[0].tolist(), 1.0),
}


def numbers(page: Any, of: str) -> list[float]:
    """Return the numbers of a term of the page, in full."""
    found: list[float] = page.evaluate(
        f"import('page').then(({{ page }}) => Array.from(page.values[page.program.{of}]))"
    )
    return found


def current(page: Any, view: str) -> list[str]:
    found: list[str] = page.locator(f"#{view} [aria-current]").all_inner_texts()
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_step_can_be_reached_by_keyboard_and_shows_its_rule(
    opened: Callable[..., Any], name: str
) -> None:
    f, *args = FUNCTIONS[name]
    page = opened(f, *args)
    count = page.locator("#equations li button").count()
    while page.locator("#back").is_enabled():
        page.keyboard.press("ArrowLeft")
    seen = []
    for i in range(count):
        page.wait_for_function(f"document.getElementById('live').textContent.includes('{i + 1},')")
        seen.append(page.locator("#step .rule .math").get_attribute("aria-label"))
        assert current(page, "numpy") == [page.locator("#numpy button").nth(i).inner_text()]
        assert page.locator("#equations [aria-current]").get_attribute("aria-label") == seen[-1]
        assert page.locator("#step .side").count() > 0
        page.keyboard.press("ArrowRight")
    assert page.locator("#next").is_disabled()
    assert len(set(seen)) == count


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_changed_number_changes_loss_and_gradients_as_in_the_engine(
    opened: Callable[..., Any], name: str
) -> None:
    f, params, *data = FUNCTIONS[name]
    page = opened(f, params, *data)
    field = page.locator("#inputs td input[type=text]").first
    before = numbers(page, "value")
    field.fill("0.3125")
    if isinstance(params, dict):
        key = next(iter(params))
        changed = np.array(params[key])
        changed.flat[0] = 0.3125
        params = {
            **params,
            key: changed if isinstance(params[key], np.ndarray) else changed.tolist(),
        }
    else:
        params = params.copy()
        params.flat[0] = 0.3125
    loss, gradients = value_and_grad(f)(params, *data)
    assert numbers(page, "value") == pytest.approx([loss], rel=1e-12)
    assert numbers(page, "value") != before
    found = gradients.values() if isinstance(gradients, dict) else [gradients]
    flat = np.concatenate([np.ravel(np.asarray(x)) for x in found])
    names = page.evaluate("import('page').then(({ page }) => Object.keys(page.program.gradients))")
    shown = np.concatenate([numbers(page, f"gradients[{json.dumps(x)}]") for x in names])
    assert np.allclose(shown, flat, rtol=0, atol=1e-12 * np.abs(flat).max())


def test_a_slider_changes_its_number_and_reset_brings_all_back(opened: Callable[..., Any]) -> None:
    page = opened(engine.loss, PARAMS, X, T)
    shown = page.locator("#result").inner_text()
    rule = page.locator("#step .side").last.inner_text()
    slider = page.locator("#inputs input[type=range]").first
    slider.focus()
    page.keyboard.press("End")
    assert float(page.locator("#inputs td input[type=text]").first.input_value()) == pytest.approx(
        PARAMS["U"][0, 0] + max(2, 2 * abs(PARAMS["U"][0, 0])), abs=0.02
    )
    assert page.locator("#result").inner_text() != shown
    assert page.locator("#step .side").last.inner_text() != rule
    page.click("#reset")
    assert page.locator("#result").inner_text() == shown
    assert numbers(page, "value") == pytest.approx([engine.loss(PARAMS, X, T)], rel=1e-12)


def test_what_has_the_focus_in_one_view_is_marked_in_all(opened: Callable[..., Any]) -> None:
    page = opened(engine.loss, PARAMS, X, T)
    page.locator("#numpy button", has_text="G_bar = ").click()
    assert current(page, "code") == ["    H = tanh(G)"]
    assert page.locator("#equations [aria-current]").get_attribute("aria-label").startswith("G bar")
    assert page.locator("#graph [aria-current]").get_attribute("aria-label").startswith("G equals")
    assert page.locator("#graph .edge.on").count() == 1
    page.locator("#code button", has_text="z = H @").click()
    assert page.locator("#step .rule .math").get_attribute("aria-label").startswith("W bar equals")
    page.locator("#equations button[aria-label^='G equals']").hover()
    assert page.locator("#code .near").all_inner_texts() == [
        '    G = X @ params["U"].T + params["b"]'
    ]
    page.locator("#graph [aria-label^='H equals']").focus()
    page.keyboard.press("Enter")
    assert current(page, "numpy") == ["H_bar = outer(z_bar, W)"]


CONSTANT = np.array([1.0, 2.0])
SMALLEST: dict[str, tuple[Any, ...]] = {
    "a gradient that is a number of the function": (lambda x: x * 2.0, 1.0),
    "a constant array": (lambda x: np.sum(x * CONSTANT), np.ones(2)),
    "nothing computed": (lambda x: x, 1.5),
}


@pytest.mark.parametrize("name", SMALLEST)
def test_the_smallest_functions_have_a_page(opened: Callable[..., Any], name: str) -> None:
    f, *args = SMALLEST[name]
    page = opened(f, *args)
    value, gradient = value_and_grad(f)(*args)
    assert numbers(page, "value") == [value]
    assert numbers(page, "gradients.x") == np.ravel(gradient).tolist()


@pytest.mark.parametrize("text", ["", "1e", "NaN", "1e999", "0x", "--1"])
def test_what_is_not_a_number_is_marked_and_not_computed(
    opened: Callable[..., Any], text: str
) -> None:
    page = opened(engine.loss, PARAMS, X, T)
    field = page.locator("#inputs td input[type=text]").first
    before = numbers(page, "value")
    field.fill(text)
    assert field.get_attribute("aria-invalid") == "true"
    assert page.locator("#inputs .wrong:not(:empty)").inner_text().startswith("U[0, 0] is not")
    assert numbers(page, "value") == before
    field.fill("1")
    assert field.get_attribute("aria-invalid") == "false"
    assert numbers(page, "value") != before


def test_a_label_that_there_is_none_of_is_refused(opened: Callable[..., Any]) -> None:
    f, *args = FUNCTIONS["softmax"]
    page = opened(f, *args)
    before = numbers(page, "value")
    field = page.locator("#inputs fieldset").last.locator("input").first
    for text in ("3", "0.5"):
        field.fill(text)
        assert field.get_attribute("aria-invalid") == "true"
        assert numbers(page, "value") == before
    field.fill("2")
    assert numbers(page, "value") != before


HOSTILE = (
    "</script><script>document.title = 'lost'</script><img src=x onerror=alert(1)>'\"&\u202e אב"
)


def test_text_of_others_is_text(page: Any, tmp_path: Path) -> None:
    def loss(params: Any) -> Any:
        note = "</script><img src=x onerror=alert(1)>" and 1.0  # <b>bold</b> \u202e
        אב = params[HOSTILE] * note
        return np.sum(אב * אב)

    path = tmp_path / 'שלום <b>&".html'
    shown = explore(loss, {HOSTILE: np.array([1.0, 2.0])}, path=path)
    page.goto(path.as_uri())
    page.wait_for_selector("#step .rule")
    assert page.title() == "loss, forward and back"
    assert page.locator("img, b").count() == 0
    assert "</script><img" in page.locator("#code").inner_text()
    assert "onerror=alert(1)" in page.locator("#inputs legend").inner_text()
    page.set_content(f"<!doctype html><title>notebook</title>{shown._repr_html_()}")
    inside = page.frame_locator("iframe")
    inside.locator("#step .rule").wait_for()
    assert inside.locator("img, b").count() == 0


def test_equations_are_shown_entry_by_entry_on_request(opened: Callable[..., Any]) -> None:
    page = opened(engine.loss, PARAMS, X, T)
    label = "#equations [aria-current]"
    page.locator("#numpy button", has_text="U_bar = ").click()
    entry = "u bar at j, k equals the sum over i of g bar at i, j times x at i, k"
    assert page.locator("#step .entry .math").get_attribute("aria-label") == entry
    assert page.locator(label).get_attribute("aria-label").startswith("U bar equals G bar trans")
    page.click("#entries")
    assert page.locator("#entries").get_attribute("aria-pressed") == "true"
    assert page.locator(label).get_attribute("aria-label") == entry
    assert page.locator(f"{label} math").last.text_content() == "∑igijxik"
    assert "k = 0, 1;" in page.locator("#equations .note").inner_text()
    page.locator("#equations button[aria-label^='g bar at']").click()
    assert current(page, "numpy") == ["G_bar = H_bar * (1 - H * H)"]
    assert findings(page) == []
    page.click("#entries")
    assert page.locator("#equations .note").is_hidden()
    assert page.locator(label).get_attribute("aria-label").startswith("G bar equals H bar")
    page = opened(*FUNCTIONS["number by number"])
    assert page.locator("#entries").is_hidden()
    assert page.locator("#step .entry").count() == 0


def test_the_terms_of_a_sum_are_unfolded_on_request(opened: Callable[..., Any]) -> None:
    page = opened(engine.loss, PARAMS, X, T)
    page.locator("#numpy button", has_text="c_bar = ").click()
    short = page.locator("#step .side").all_inner_texts()
    assert [x.count("...") for x in short] == [1, 1, 0]
    button = page.locator("#step .worked button")
    button.focus()
    page.keyboard.press("Enter")
    formula, terms, result = page.locator("#step .side").all_inner_texts()
    assert formula == "= " + " + ".join(f"z̄[{i}]" for i in range(6))
    found = [float(x.strip("()")) for x in terms.removeprefix("= ").split(" + ")]
    assert found == pytest.approx(z_bar(), rel=1e-3)
    assert float(result.removeprefix("= ")) == pytest.approx(sum(z_bar()), rel=1e-3)
    assert findings(page) == []
    assert page.evaluate("document.activeElement.textContent") == "Fewer terms"
    page.keyboard.press("Enter")
    assert page.locator("#step .side").all_inner_texts() == short
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    assert button.count() == 0  # H_bar is a product
    page.keyboard.press("ArrowLeft")
    assert page.locator("#step .side").all_inner_texts() == short


def z_bar() -> list[float]:
    z = np.tanh(X @ PARAMS["U"].T + PARAMS["b"]) @ PARAMS["W"] + PARAMS["c"]
    found: list[float] = ((1 / (1 + np.exp(-z)) - T) / len(T)).tolist()
    return found


@pytest.mark.parametrize("name", ["tutorial", "softmax"])
def test_axe_finds_nothing(opened: Callable[..., Any], name: str) -> None:
    page = opened(*FUNCTIONS[name])
    for action in ("#next", "#turn"):
        page.click(action)
        assert findings(page) == []
    while page.locator("#back").is_enabled():
        page.click("#back")
    assert findings(page) == []


def test_the_tutorials_page_is_small_and_needs_nothing_else(tmp_path: Path) -> None:
    shown = explore(engine.loss, *[PARAMS, *tutorial_problem(500)[:2]], path=tmp_path / "page.html")
    text = shown.path.read_text(encoding="utf-8")
    assert text == shown.html
    assert len(text.encode()) < 1_000_000
    assert html.escape(text) in shown._repr_html_()


def test_what_is_too_large_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give it fewer examples"):
        explore(lambda x: np.sum(x * x), np.ones(600_000), path=tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_a_large_array_is_shown_around_one_entry(opened: Callable[..., Any]) -> None:
    X, T, params = tutorial_problem(300)
    page = opened(engine.loss, params, X, T)
    index = page.get_by_label("z_bar: index 0, below 300")
    index.fill("250")
    index.press("Enter")
    assert page.locator("#step td[aria-selected=true]").count() == 1
    shown = page.locator("#step .side").last.inner_text()
    z = np.tanh(X[250] @ params["U"].T + params["b"]) @ params["W"] + params["c"]
    right = (1 / (1 + np.exp(-z)) - T[250]) / 300
    assert float(shown.removeprefix("= ").replace("−", "-")) == pytest.approx(right, rel=1e-3)


def test_the_graph_runs_across_or_down_as_there_is_room(opened: Callable[..., Any]) -> None:
    page = opened(engine.loss, PARAMS, X, T)
    is_wide = """isWide => {
        const { width, height } = document.querySelector("#graph svg").viewBox.baseVal;
        return (width > height) === isWide;
    }"""
    for width, wide in ((1280, True), (375, False), (1280, True)):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_function(is_wide, arg=wide)


def test_entries_are_chosen_with_the_arrow_keys_and_by_click(opened: Callable[..., Any]) -> None:
    page = opened(engine.loss, PARAMS, X, T)
    page.locator("#numpy button", has_text="G_bar = ").click()
    table = page.get_by_role("grid", name="G_bar")

    def chosen() -> str:
        text: str = page.locator("#step .worked code").first.inner_text()
        assert table.locator("[aria-selected=true]").count() == 1
        return text[text.index("[") :]

    table.locator("td[tabindex='0']").focus()
    seen = []
    keys = ["ArrowLeft", "ArrowUp", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowDown", "Home"]
    for key in [*keys, *["ArrowDown"] * 6]:
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.ariaSelected") == "true"
        seen.append(chosen())
    assert seen[:3] == ["[0,0]", "[0,0]", "[0,1]"]
    assert seen[3:7] == ["[0,2]", "[0,2]", "[1,2]", "[1,2]"]
    assert seen[7:] == ["[2,2]", "[3,2]", "[4,2]", "[5,2]", "[5,2]", "[5,2]"]
    table.locator("tbody tr").nth(2).locator("td").first.click()
    assert chosen() == "[2,0]"
    assert page.locator("#step-title").inner_text() == "Step 9 of 11, backward"
