"""Answers of a reader whose turn it is: numbers and formulas, against NumPy and the page."""

import re
from collections.abc import Callable
from typing import Any
from unicodedata import normalize

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import Step
from random_programs import as_function, programs, relaxed

from autodiff import steps, value_and_grad
from comparisons.page.slips import slips
from mlp import engine, scalar, tutorial_problem

X, T, PARAMS = tutorial_problem(6)
Script = Callable[..., Any]
Opened = Callable[..., Any]

EVALUATED = """
    const { evaluated } = await import("formula");
    const names = new Map(given.arrays.map((x) => [x.name, x]));
    return given.texts.map((text) => {
        try {
            const { shape, data } = evaluated(text, names);
            return { shape, data: Array.from(data, String) };
        } catch (error) {
            return error.message;
        }
    });
"""
LINES = """
    const { prepared } = await import("interpreter");
    const { evaluated, namesAt } = await import("formula");
    const values = prepared(given)();
    const { statements, terms } = given;
    return statements.map(({ code, term }, step) => {
        if (code[1].includes("concatenate")) return null;
        const program = { ...given, slips: { names: [], terms: [] } };
        const found = evaluated(code[1], namesAt({ program, statements, values, step }));
        return {
            line: code.join(" = "),
            shapes: [found.shape, terms[term].shape],
            data: [found.data, values[term]].map((x) => Array.from(x, String)),
        };
    });
"""


def computed(script: Script, texts: list[str], arrays: dict[str, Any]) -> list[Any]:
    """Return the arrays that formulas are, or what is said."""
    given = [
        {"name": name, "shape": list(np.shape(x)), "data": np.ravel(x).tolist()}
        for name, x in arrays.items()
    ]
    found = script(EVALUATED, {"texts": texts, "arrays": given})
    return [x if isinstance(x, str) else array(x["shape"], x["data"]) for x in found]


def array(shape: list[int], data: list[str]) -> Any:
    return np.reshape([float(x) for x in data], shape)


# The parser against Python's own.

rng = np.random.default_rng(0)
ARRAYS = {"a": rng.normal(size=3), "B": rng.normal(size=(2, 3)), "D": rng.normal(size=(3, 2))}
ARRAYS |= {"c": np.float64(0.75), "b_bar": rng.uniform(0.5, 2.0, (1, 3))}
LITERAL = re.compile(r"\d+\.\d*(?:[eE]-?\d+)?")  # those without a point are positions and axes


def in_python(text: str) -> Any:
    """Return what Python and NumPy make of a formula, None where they refuse it."""
    scalars = LITERAL.sub(r"np.float64(\g<0>)", text)
    try:
        with np.errstate(all="ignore"):
            return np.asarray(eval(scalars, {"np": np}, ARRAYS))
    except (ValueError, IndexError, TypeError):
        return None


def agree(script: Script, *texts: str) -> None:
    for text, found in zip(texts, computed(script, list(texts), ARRAYS), strict=True):
        expected = in_python(text)
        if str(found).startswith("An array of 0 axes"):
            continue  # an axis of a number, which only some of NumPy's functions take
        assert isinstance(found, str) == (expected is None), (text, expected, found)
        if expected is not None:
            assert found.shape == expected.shape, text
            scale = np.max(np.abs(expected), initial=1.0, where=np.isfinite(expected))
            np.testing.assert_allclose(found, expected, 1e-9, 1e-9 * scale, err_msg=text)


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def forms(*templates: str) -> st.SearchStrategy[str]:
        return st.sampled_from(templates).flatmap(
            lambda x: st.tuples(*[inner] * x.count("{}")).map(lambda parts: x.format(*parts))
        )

    return st.one_of(
        forms("{} + {}", "{}-{}", "{} * {}", "{}/{}", "{} @ {}", "{}**{}", "{} ** -{}", "-{}"),
        forms("({})", "({})", "(-{})**2.", "({} - {})", "+{}", "- -{}", "({}).T", "({})[{}]"),
        forms("np.tanh({})", "np.maximum({}, {})", "np.where({} < {}, {}, {})", "np.abs({})"),
        forms("np.sum({})", "np.sum({}, axis=0)", "np.mean({}, axis=-1, keepdims=True)"),
        forms("np.outer({}, {})", "np.dot({}, a)", "np.matmul(({}).T, {})", "np.max({}, 1)"),
        forms("({}).sum(axis=(0, 1))", "({}).sum(0)", "({}).mean()", "({}).reshape(3, -1)"),
        forms("({})[0]", "({})[:, None]", "({})[..., -1]", "({})[::-1]", "({})[np.newaxis, :2]"),
        forms(
            "np.reshape({}, (1, 3))",
            "np.broadcast_to({}, (2, 3))",
            "np.transpose({}, (1, 0))",
            "({}).transpose(-1, 0)",
        ),
    )


FORMULAS = st.recursive(st.sampled_from([*ARRAYS, "2.", "0.5", "1.e-2", "3."]), grown, max_leaves=8)


@settings(relaxed, max_examples=300)
@given(FORMULAS)
@pytest.mark.filterwarnings("ignore")
def test_a_formula_is_what_python_makes_of_it(script: Script, text: str) -> None:
    agree(script, text)


def test_signs_and_powers_hold_together_as_in_python(script: Script) -> None:
    powers = [
        "-a**2.",
        "2.**-1.",
        "2.**3.**2.",
        "-c**-c**2.",
        "2.**-c**2.",
        "(-a)**2.",
        "-a[0]**2.",
    ]
    others = [
        "c - c - c",
        "c / c * 3.",
        "c - -c",
        "-c @ a",
        "-B @ a",
        "a * -a + c",
        "- -a",
        "a + -a.T",
    ]
    agree(script, *powers, *others, "-a.sum()", "2.**a.sum()", "1. - a * a", "c / a[1] / c")


def test_liberties_are_understood(script: Script) -> None:
    same = {
        "a ^ 2": "a**2.",
        "2·a − a⊙a": "2. * a - a * a",
        "Dᵀ @ a": "D.T @ a",
        "a²": "a**2.",
        "σ(a)": "1. / (1. + np.exp(-a))",
        "numpy.tanh(a) * 1E-1": "np.tanh(a) * 0.1",
        "outer(a, a)": "np.outer(a, a)",
        "B.shape[1] * len(B) * a": "6. * a",
        "ones(2) @ B": "np.sum(B, axis=0)",
        "a = B[0]": "B[0]",
    }
    for found, text in zip(computed(script, list(same), ARRAYS), same.values(), strict=True):
        np.testing.assert_allclose(found, in_python(text))


REFUSED = [
    "",
    "a +",
    "(a",
    "a)",
    "a b",
    "2 a",
    "a[",
    "a[0",
    "B[:, 0",
    "np.exp(a",
    "a..T",
    "*a",
    "a,",
    "None",
]
REFUSED += [
    "x",
    "exp",
    "foo(a)",
    "a.foo()",
    "a.exp",
    "toString",
    "a.constructor",
    "__proto__",
    "a; a",
]
REFUSED += [
    "np.exp()",
    "np.sum(a, axes=0)",
    "tanh(a, a)",
    "a + None",
    "(a, a)",
    "len()",
    "import os",
]
REFUSED += ["np.ones(1e12)", "np.arange(1e12)", "np.ones((9999, 9999))", "(" * 99_999, "-" * 99_999]


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_formula_is_refused(script: Script, text: str) -> None:
    (said,) = computed(script, [text], ARRAYS)
    assert isinstance(said, str)


@settings(relaxed, max_examples=100)
@given(programs())
def test_the_lines_of_grown_programs_are_right_answers(
    script: Script, drawn: tuple[list[Step], list[Any], Any]
) -> None:
    f, leaves = as_function(drawn)
    for x in filter(None, script(LINES, steps(f, leaves))):
        found, right = x["shapes"]
        assert found == right, x["line"]
        found, right = (array(found, data) for data in x["data"])
        np.testing.assert_allclose(
            found, right, 1e-12, 1e-13 * np.max(abs(right), initial=0.0), err_msg=x["line"]
        )


# On the page.


def answered(page: Any, name: str, text: str) -> str:
    """Return what the page says to an answer for an adjoint."""
    page.locator("#numpy button", has_text=re.compile(f"^{name} = ")).click()
    page.evaluate("import('page').then(({ page }) => { page.shown.clear(); page.set({}); })")
    page.fill("#answer", text)
    page.press("#answer", "Enter")
    said: str = page.locator("#said").inner_text()
    return said


RIGHT = {
    "z_bar": [
        "(y - t) / N",
        "1 / 6 * (sigmoid(z) - t)",
        "(σ(z) − t) / len(X)",
        "z̄ = (y - t)/X.shape[0]",
    ],
    "W_bar": ["H.T @ z_bar", "z̄ @ H", "(H * dz[:, None]).sum(axis=0)", "np.dot(H.T, zbar)"],
    "c_bar": ["np.sum(z_bar)", "z_bar.sum()", "sum(z̄)", "np.ones(6) @ z_bar"],
    "H_bar": ["z_bar[:, np.newaxis] * W", "np.outer(z_bar, params['W'])", 'outer(z̄, params["W"])'],
    "G_bar": ["H_bar * (1 - H**2)", "H̄ ⊙ (1 − H²)", "H_bar * (1 - H^2)", "Hbar - Hbar*tanh(G)*H"],
    "U_bar": ["G_bar.T @ X", "Ḡᵀ @ X", "np.matmul(np.transpose(G_bar), X)", "(X.T @ G_bar).T"],
    "b_bar": ["G_bar.sum(axis=0)", "np.sum(Ḡ, 0)", "np.sum(G_bar, axis=0, keepdims=True)[0]"],
}
LOOKS = {  # as if ...
    "z_bar": {
        "y - t": "the factor 1 / N was forgotten",
        "(t - y) / N": "the difference is the wrong way round",
    },
    "c_bar": {"np.mean(z_bar)": "the mean over the batch stands where the sum is due"},
    "G_bar": {
        "H_bar * (1 - H)": "the slope became 1 - H",
        "H_bar * (1 - G**2)": "the slope was taken at G",
        "1 - H * H": "the incoming adjoint H_bar was forgotten",
    },
    "U_bar": {"H_bar.T @ X": "H_bar stands in place of G_bar"},
}
OTHERS = {
    "z_bar": {
        "c_bar / 6": "“c_bar” could not be read. The names here are U, b, W, c, X, t, G, H, z, ",
        "z_bar": "“z_bar” could not be read. The names here are U, b, W, c, X, t, G, H, z, loss, ",
    },
    "c_bar": {"z_bar": "This has the shape (6,), and c̄ is a number. Summed over axis 0 it would "},
    "H_bar": {
        "outer(W, z_bar)": "This has the shape (3, 6), and H̄ has the shape (6, 3). Its transpose ",
        "outer(z_bar, W)**2": "This is not H̄. It is wrong first at H̄[0, 0], where it is 0.00001",
        "outer(z_bar, W) * 1.000001": "This is not H̄. It is wrong first at H̄[0, 0], where it is ",
        "z_bar[0] * W[1]": "This is a number, and H̄ has the shape (6, 3).",
        "z_bar * W": "The shapes (6,) and (3,) do not fit.",
    },
    "b_bar": {
        "G_bar": "This has the shape (6, 3), and b̄ has the shape (3,). Summed over axis 0 it ",
        "G_bar.sum(0, keepdims=True)": "This has the shape (1, 3), and b̄ has the shape (3,). The n",
        "np.sum(G_bar, axis=2)": "An array of 2 axes has no axis 2.",
    },
}


@pytest.mark.parametrize("name", ["engine", "scalar"])
def test_the_page_s_own_lines_are_right_answers(opened: Opened, name: str) -> None:
    one = {key: np.asarray(x).tolist() for key, x in PARAMS.items()}, X[0].tolist(), 1.0
    page = opened(*{"engine": (engine.loss, PARAMS, X, T), "scalar": (scalar.loss, *one)}[name])
    lines = [x for x in page.locator("#numpy button").all_inner_texts() if "_bar = " in x]
    page.click("#turn")
    assert len(lines) >= 7
    for line in lines:
        assert answered(page, *line.split(" = ", 1)) == "Right.", line


def test_formulas_of_the_tutorial_s_adjoints(opened: Opened) -> None:
    page = opened(engine.loss, PARAMS, X, T)
    page.click("#turn")
    for name, texts in RIGHT.items():
        for text in texts:
            assert answered(page, name, text) == "Right.", text
    for name, looks in LOOKS.items():
        for text, words in looks.items():
            said = answered(page, name, text)
            assert said.startswith("This is not ")
            assert said.endswith(f". It looks as if {words}.")
    for name, others in OTHERS.items():
        for text, start in others.items():
            assert answered(page, name, text).startswith(normalize("NFD", start))
    # A product of two entries is an answer for the entry that is asked for.
    assert answered(page, "H_bar", "z_bar[0] * W[0]") == "Right."
    assert page.locator("#answer").get_attribute("aria-invalid") == "false"
    page.click("#next")
    page.click("#back")
    assert page.locator("#answer").count() == 0
    assert page.locator("#step .side").count() > 0


EVERYTHING = """() => {
    const found = [...document.body.querySelectorAll("*")];
    const own = found.flatMap((x) => Array.from(x.attributes, ({ value }) => value));
    return [document.body.textContent, document.title, ...own].join("\\n").replace(/\\s/g, "");
}"""
SOURCES = """import('page').then(({ page: { statements } }) => statements.map((x) => {
    const parsed = ([, math]) => new DOMParser().parseFromString(math, "text/xml").documentElement;
    const [text, entry] = [x.math, x.entries.math].map((sides) => parsed(sides).textContent);
    const [words, said] = [x.words, x.entries.words].map((both) => both.split(" equals ")[1]);
    const sides = [x.code[1], x.text[1], text, words, entry, said];
    return sides.map((side) => side.replace(/\\s/g, ""));
}))"""


def test_what_is_asked_for_stands_nowhere_until_it_is_found(opened: Opened) -> None:
    page = opened(engine.loss, PARAMS, X, T)
    sources = page.evaluate(SOURCES)
    text = page.evaluate(EVERYTHING)
    assert all(x[0] in text and x[2] in text for x in sources)

    def hidden(expected: set[int]) -> None:
        text = page.evaluate(EVERYTHING)
        found = [any(side in text for side in sides) for sides in sources]
        assert {i for i, x in enumerate(found) if not x} == expected

    later = set(range(4, len(sources)))
    page.click("#turn")
    hidden(later)
    while page.locator("#next").is_enabled():
        page.click("#next")
        hidden(later)
    page.click("#entries")
    hidden(later)
    page.click("#answer ~ button >> text=Show")  # the last one
    hidden(later - {len(sources) - 1})
    assert answered(page, "G_bar", "H_bar").endswith("It looks as if a slope was forgotten.")
    hidden(later)
    assert answered(page, "G_bar", "H_bar * (1 - H**2)") == "Right."
    (at,) = (i for i, x in enumerate(sources) if x[0] == "H_bar*(1-H*H)")
    hidden(later - {at})
    assert page.locator("#step .rule .math").get_attribute("aria-label").endswith("H squared")
    page.click("#turn")
    hidden(set())


def test_what_slips_are_called_does_not_give_the_formula_away() -> None:
    def f(w: Any, x: Any, t: Any) -> Any:
        return np.mean((np.tanh(x @ w) - t) ** 2)

    for args in ((engine.loss, PARAMS, X, T), (f, PARAMS["U"][0], X, T)):
        found = slips(*args)["of"]
        said = [x["words"] for options in found.values() for x in options]
        assert "the factor 1 / N was forgotten" in said
        assert {"a factor was forgotten", "a slope was forgotten"} & {*said}
        quoted = [x for x in said if x.endswith("forgotten") and re.search(r" [-*@+] |\.T\b", x)]
        assert quoted == ["the incoming adjoint G_bar.T was forgotten"] * len(quoted)
        assert not any("1 / N * (y - t)" in x for x in said)


HOSTILE = "<img src=x onerror=alert(1)>"


def test_your_turn_by_keyboard_alone(opened: Opened) -> None:
    page = opened(engine.loss, PARAMS, X, T)
    for _ in range(3):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "turn"
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#answer")
    assert page.locator("#step figure").last.locator("td").first.inner_text() in ("?", "")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "answer":
            break
    right = value_and_grad(engine.loss)(PARAMS, X, T)[1]["W"][0]
    page.keyboard.type(f"{1.01 * right + 0.01:.5f}")
    page.keyboard.press("Enter")
    assert page.locator("#said").inner_text().startswith("Not this number.")
    page.keyboard.press("Control+A")
    page.keyboard.type("three")
    page.keyboard.press("Enter")
    assert page.locator("#said").inner_text().startswith("“three” could not be read. The names")
    page.keyboard.press("Control+A")
    page.keyboard.type(HOSTILE)
    page.keyboard.press("Enter")
    assert page.locator("#said").inner_text().startswith("“<” could not be read.")
    assert page.locator("img").count() == 0
    page.keyboard.press("Control+A")
    page.keyboard.type(f"{right:.4f}")
    page.keyboard.press("Enter")
    assert page.locator("#said").inner_text() == "Right."
    page.keyboard.press("Control+A")
    page.keyboard.type("H.T @ z_bar")
    page.keyboard.press("Enter")
    assert page.locator("#said").inner_text() == "Right."
    assert page.evaluate("document.activeElement.id") == "answer"


ERROR = (1 / (1 + np.exp(-(np.tanh(X @ PARAMS["U"].T + PARAMS["b"]) @ PARAMS["W"])))) - T


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ERROR[0], "the factor 1 / N was forgotten"),
        (-ERROR[0] / len(T), "the difference is the wrong way round"),
        (ERROR[0] / len(T) + 7.0, None),
    ],
)
def test_a_wrong_answer_is_told_what_it_looks_like(
    opened: Opened, answer: float, said: str | None
) -> None:
    page = opened(engine.loss, {**PARAMS, "c": 0.0}, X, T)
    page.click("#turn")
    page.fill("#answer", f"{answer:.6f}")
    page.press("#answer", "Enter")
    looks = f"It looks as if {said}." if said else "Look at the rule, and at what comes in."
    assert page.locator("#said").inner_text() == f"Not this number. {looks}"


def test_what_is_typed_stays_while_a_number_is_changed_and_is_gone_in_the_next_step(
    opened: Opened,
) -> None:
    page = opened(engine.loss, PARAMS, X, T)
    page.click("#turn")
    page.fill("#answer", "y - ")
    page.get_by_label("U[0, 0]", exact=True).fill("1.25")
    assert page.input_value("#answer") == "y - "
    page.click("#next")
    assert page.input_value("#answer") == ""
    assert answered(page, "W_bar", "H.T @ z_bar") == "Right."
    shown = page.locator("#step figure").last.locator("td").first.inner_text()
    _, gradients = value_and_grad(engine.loss)({**PARAMS, "U": changed(PARAMS["U"], 1.25)}, X, T)
    assert float(shown.replace("−", "-")) == pytest.approx(gradients["W"][0], rel=1e-3)


def changed(array: Any, first: float) -> Any:
    found = np.array(array)
    found.flat[0] = first
    return found
