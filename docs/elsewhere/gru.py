"""One step of a gated recurrent unit, and half the squared error."""

import numpy as np

from autodiff import sigmoid


def loss(params, x, h, t):
    z = sigmoid(x @ params["Wz"] + h @ params["Uz"] + params["bz"])
    r = sigmoid(x @ params["Wr"] + h @ params["Ur"] + params["br"])
    c = np.tanh(x @ params["Wc"] + (r * h) @ params["Uc"] + params["bc"])
    new = (1 - z) * h + z * c
    return 0.5 * np.sum((new - t) ** 2)


def problem(rng):
    p = {}
    for g in "zrc":
        p["W" + g] = rng.standard_normal((2, 3))
        p["U" + g] = rng.standard_normal((3, 3))
        p["b" + g] = rng.standard_normal(3)
    return rng.standard_normal((5, 2)), rng.standard_normal((5, 3)), rng.standard_normal((5, 3)), p


def sig(a):
    return 1 / (1 + np.exp(-a))


def backprop(x, h, t, p):
    z = sig(x @ p["Wz"] + h @ p["Uz"] + p["bz"])
    r = sig(x @ p["Wr"] + h @ p["Ur"] + p["br"])
    rh = r * h
    c = np.tanh(x @ p["Wc"] + rh @ p["Uc"] + p["bc"])
    hn = (1 - z) * h + z * c
    g = {}
    dhn = hn - t
    dz = dhn * (c - h)
    dc = dhn * z
    dac = dc * (1 - c * c)
    g["Wc"] = x.T @ dac
    g["Uc"] = rh.T @ dac
    g["bc"] = dac.sum(0)
    drh = dac @ p["Uc"].T
    dr = drh * h
    dar = dr * r * (1 - r)
    g["Wr"] = x.T @ dar
    g["Ur"] = h.T @ dar
    g["br"] = dar.sum(0)
    daz = dz * z * (1 - z)
    g["Wz"] = x.T @ daz
    g["Uz"] = h.T @ daz
    g["bz"] = daz.sum(0)
    return g
