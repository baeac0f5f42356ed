"""Mistakes in networks that are not the tutorial's: what becomes of a line of right code.

The networks, each with its right `backprop`, are in docs/elsewhere.
"""

from typing import NamedTuple

from places import ROOT

FOLDER = ROOT / "docs" / "elsewhere"


class Mistake(NamedTuple):
    """What is wrong, the right code and the wrong, and the equations that this is a mistake in."""

    network: str
    what: str
    right: str
    wrong: str
    equations: str

    @property
    def right_code(self) -> str:
        return (FOLDER / f"{self.network}.py").read_text(encoding="utf-8")

    @property
    def code(self) -> str:
        assert self.right_code.count(self.right) == 1
        return self.right_code.replace(self.right, self.wrong)

    @property
    def line(self) -> int:
        return self.right_code[: self.right_code.index(self.right)].count("\n") + 1


MISTAKES = [
    Mistake(
        "attention",
        "The sum of softmax runs over the queries.",
        "np.sum(datt * att, axis=1, keepdims=True)",
        "np.sum(datt * att, axis=0, keepdims=True)",
        "S_bar",
    ),
    Mistake(
        "attention",
        "Softmax is taken for a function element by element.",
        "att * (datt - np.sum(datt * att, axis=1, keepdims=True))",
        "att * (1 - att) * datt",
        "S_bar",
    ),
    Mistake("attention", "The queries stand for the keys.", "dscores @ k", "dscores @ q", "Q_bar"),
    Mistake("batchnorm", "The mean has no gradient.", " + dmu / N", "", "Z_bar"),
    Mistake("batchnorm", "The variance has the wrong sign.", "* -0.5 *", "* 0.5 *", "var_bar"),
    Mistake("batchnorm", "The scale is forgotten.", "dzhat = dy * gamma", "dzhat = dy", "Zn_bar"),
    Mistake(
        "columns",
        "The slope of tanh is taken at its argument.",
        "(1 - np.power(A2, 2))",
        "(1 - np.power(Z2, 2))",
        "Z2_bar",
    ),
    Mistake(
        "columns",
        "The slope of ReLU is taken at what comes back.",
        "relu_backward(dA1, Z1)",
        "relu_backward(dA1, dA1)",
        "Z1_bar",
    ),
    Mistake(
        "columns",
        "The gradients of the biases are not divided by m.",
        "db = np.sum(dZ, axis=1, keepdims=True) / m",
        "db = np.sum(dZ, axis=1, keepdims=True)",
        "b1_bar, b2_bar, b3_bar",
    ),
    Mistake(
        "convolution",
        "The gradients stand in the reverse order.",
        "dw[j] = np.sum(dS",
        "dw[2 - j] = np.sum(dS",
        "w_bar",
    ),
    Mistake(
        "convolution",
        "The kernel is turned round.",
        "dH[:, :-1] += dY * k[0]\n    dH[:, 1:] += dY * k[1]",
        "dH[:, :-1] += dY * k[1]\n    dH[:, 1:] += dY * k[0]",
        "H_bar",
    ),
    Mistake("gru", "The wrong side of the gate.", "dc = dhn * z", "dc = dhn * (1 - z)", "c_bar"),
    Mistake("gru", "The state is not gated.", "rh.T @ dac", "h.T @ dac", "Uc_bar"),
    Mistake("gru", "A gate has no slope.", "dr * r * (1 - r)", "dr", "pre_r_bar"),
    Mistake("hinge", "The decay is forgotten.", " + LAM * v", "", "v_bar"),
    Mistake("hinge", "The margin is forgotten.", "margin > 0", "t * s > 0", "s_bar"),
    Mistake(
        "huber",
        "The branches are exchanged.",
        "np.where(small, err, np.sign(err))",
        "np.where(small, np.sign(err), err)",
        "a_bar, e_bar",
    ),
    Mistake("labels", "Nothing is divided by n.", "    dlogits /= n\n", "", "logits_bar"),
    Mistake(
        "labels",
        "The gradient of an embedding is added at the labels.",
        "np.add.at(dC, ix, demb)",
        "np.add.at(dC, t, demb)",
        "C_bar",
    ),
    Mistake(
        "labels",
        "Of an embedding that was read twice the last gradient counts.",
        "np.add.at(dC, ix, demb)",
        "dC[ix] = demb",
        "C_bar",
    ),
    Mistake("network", "The wrong way round.", "(P - Y)", "(Y - P)", "Z_bar"),
    Mistake(
        "network",
        "The slope of another function.",
        "dH * (1 - H * H)",
        "dH * H * (1 - H)",
        "pre_H_bar",
    ),
    Mistake(
        "rnn",
        "The new state stands for the old one.",
        "dWh += hs[i].T",
        "dWh += hs[i + 1].T",
        "Wh_bar",
    ),
    Mistake("rnn", "Only the last turn of the loop counts.", "dWx += x", "dWx = x", "Wx_bar"),
    Mistake("tied", "The encoder is forgotten.", "grad_enc + grad_dec", "grad_dec", "W_bar"),
    Mistake(
        "tied",
        "The slope of the hidden units is forgotten.",
        "delta_out @ W * hidden * (1 - hidden)",
        "delta_out @ W",
        "pre_H_bar",
    ),
]
