"""A recurrent network over four steps, with a loss at each."""

import numpy as np


def loss(params, x, t):
    h = np.zeros((x.shape[1], 3))
    total = 0.0
    for i in range(4):
        h = np.tanh(x[i] @ params["Wx"] + h @ params["Wh"] + params["b"])
        y = h @ params["Wy"]
        total = total + 0.5 * np.sum((y - t[i]) ** 2)
    return total / x.shape[1]


def problem(rng):
    shapes = {"Wx": (2, 3), "Wh": (3, 3), "b": (3,), "Wy": (3, 2)}
    p = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    return rng.standard_normal((4, 5, 2)), rng.standard_normal((4, 5, 2)), p


def backprop(x, t, params):
    Wx, Wh, b, Wy = (params[k] for k in ("Wx", "Wh", "b", "Wy"))
    T, B, _ = x.shape
    hs = [np.zeros((B, 3))]
    ys = []
    for i in range(T):
        hs.append(np.tanh(x[i] @ Wx + hs[-1] @ Wh + b))
        ys.append(hs[-1] @ Wy)
    dWx, dWh, db, dWy = (np.zeros_like(w) for w in (Wx, Wh, b, Wy))
    dhnext = 0.0
    for i in reversed(range(T)):
        dy = (ys[i] - t[i]) / B
        dWy += hs[i + 1].T @ dy
        dh = dy @ Wy.T + dhnext
        draw = (1 - hs[i + 1] ** 2) * dh
        db += draw.sum(axis=0)
        dWx += x[i].T @ draw
        dWh += hs[i].T @ draw
        dhnext = draw @ Wh.T
    return {"Wx": dWx, "Wh": dWh, "b": db, "Wy": dWy}
