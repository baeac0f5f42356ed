"""The next letter from the two before it: batch normalisation, and every step back by hand.

`forward` writes each step out, and `backprop` goes back through them one by one. Change a line of
it, and ask which:

    backprop check docs/examples/letters.py --intermediates --loss docs/examples/letters.py
"""

from types import SimpleNamespace

import numpy as np

TEXT = "a banana and a bandana in a cabin"
LETTERS = sorted(set(TEXT))


def problem(rng):
    """Return data and parameters: X (N, 2), pairs of letters, and Y (N,), the letter after each.

    A letter is its place in LETTERS.
    """
    text = np.array([LETTERS.index(letter) for letter in TEXT])
    first = rng.choice(len(TEXT) - 2, size=13, replace=False)
    X, Y = np.stack([text[first], text[first + 1]], axis=1), text[first + 2]
    K, d, H = len(LETTERS), 3, 6
    params = {
        "C": rng.normal(size=(K, d)),
        "U": rng.normal(size=(2 * d, H)) / 2,
        "scale": rng.uniform(0.5, 1.5, H),
        "b": rng.normal(size=H) / 3,
        "V": rng.normal(size=(H, K)) / 2,
        "c": rng.normal(size=K) / 3,
    }
    return X, Y, params


def forward(X, Y, params):
    N = len(X)
    pair = params["C"][X]  # (N, 2, d)
    E = np.reshape(pair, (N, -1))  # both letters side by side
    G = E @ params["U"]
    m = np.sum(G, axis=0, keepdims=True) / N
    D = G - m
    D2 = D**2
    var = np.sum(D2, axis=0, keepdims=True) / (N - 1)
    r = (var + 1e-5) ** -0.5
    Q = D * r
    B = params["scale"] * Q + params["b"]
    A = np.tanh(B)
    Z = A @ params["V"] + params["c"]
    top = np.max(Z, axis=1, keepdims=True)
    F = Z - top
    P = np.exp(F)
    total = np.sum(P, axis=1, keepdims=True)
    s = total**-1
    y = P * s
    log_y = np.log(y)
    loss = -np.sum(log_y[np.arange(N), Y]) / N
    return SimpleNamespace(**locals())


def loss(params, X, Y):
    return forward(X, Y, params).loss


def backprop(X, Y, params):
    f = forward(X, Y, params)
    N = len(X)
    log_y_bar = np.zeros_like(f.log_y)
    log_y_bar[np.arange(N), Y] = -1 / N
    y_bar = log_y_bar / f.y
    s_bar = np.sum(y_bar * f.P, axis=1, keepdims=True)
    total_bar = -s_bar * f.total**-2
    P_bar = y_bar * f.s + total_bar
    F_bar = P_bar * f.P
    top_bar = -np.sum(F_bar, axis=1, keepdims=True)  # 0 but for rounding
    Z_bar = F_bar + top_bar * np.equal(f.Z, f.top)
    V_bar = f.A.T @ Z_bar
    c_bar = np.sum(Z_bar, axis=0)
    A_bar = Z_bar @ params["V"].T
    B_bar = A_bar * (1 - f.A**2)
    scale_bar = np.sum(B_bar * f.Q, axis=0)
    b_bar = np.sum(B_bar, axis=0)
    Q_bar = B_bar * params["scale"]
    r_bar = np.sum(Q_bar * f.D, axis=0, keepdims=True)
    var_bar = r_bar * -0.5 * (f.var + 1e-5) ** -1.5
    D2_bar = var_bar / (N - 1) * np.ones_like(f.D2)
    D_bar = Q_bar * f.r + D2_bar * 2 * f.D
    m_bar = -np.sum(D_bar, axis=0, keepdims=True)
    G_bar = D_bar + m_bar / N
    U_bar = f.E.T @ G_bar
    E_bar = G_bar @ params["U"].T
    pair_bar = np.reshape(E_bar, f.pair.shape)
    C_bar = np.zeros_like(params["C"])
    np.add.at(C_bar, X, pair_bar)  # a letter that occurs twice has both
    grads = {"C": C_bar, "U": U_bar, "scale": scale_bar, "b": b_bar, "V": V_bar, "c": c_bar}
    return grads, f.loss
