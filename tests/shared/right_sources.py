"""Right sources of `backprop` for the tutorial's network, in other algebra than the tutorial's.

"gradients as a tuple", "loss first" and "W as a row" are not of the plain form. "float32" is right
to 1e-4 and "central differences" to 1e-5, all others to 1e-12.
"""

FORWARD = """\
import math

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward(X, t, params):
    G = X @ params["U"].T + params["b"]
    H = np.tanh(G)
    z = H @ params["W"] + params["c"]
    y = sigmoid(z)
    return G, H, z, y, np.mean(-t * np.log(y) - (1 - t) * np.log(1 - y))


def backprop(X, t, params):
    U, b, W, c = params["U"], params["b"], params["W"], params["c"]
    N, D = X.shape
    K = len(W)
    G, H, z, y, loss = forward(X, t, params)
"""

GRADIENTS = '    return {"U": U_bar, "b": b_bar, "W": W_bar, "c": c_bar}, loss\n'

BODIES = {
    "matrix products": """\
    z_bar = (y - t) / N
    W_bar = np.dot(z_bar, H)
    c_bar = z_bar @ np.ones(N)
    H_bar = z_bar[:, None] @ W[None, :]
    G_bar = np.multiply(H_bar, 1 - np.square(np.tanh(G)))
    U_bar = np.matmul(X.T, G_bar).T
    b_bar = G_bar.T @ np.ones(N)
""",
    "loop over examples": """\
    U_bar, b_bar, W_bar, c_bar = np.zeros((K, D)), np.zeros(K), np.zeros(K), 0.0
    for i in range(N):
        error = (y[i] - t[i]) / N
        delta = error * W * (1 - H[i] ** 2)
        c_bar += error
        W_bar += error * H[i]
        b_bar += delta
        U_bar += np.outer(delta, X[i])
""",
    "loops over examples, units and inputs": """\
    U_bar, b_bar, W_bar, c_bar = np.zeros((K, D)), np.zeros(K), np.zeros(K), 0.0
    for i in range(N):
        error = (y[i] - t[i]) / N
        c_bar += error
        for j in range(K):
            W_bar[j] += error * H[i, j]
            g_bar = error * W[j] * (1 - H[i, j] * H[i, j])
            b_bar[j] += g_bar
            for k in range(D):
                U_bar[j, k] += g_bar * X[i, k]
""",
    "loop over units": """\
    error = y - t
    c_bar = np.mean(error)
    U_bar, b_bar, W_bar = np.empty((K, D)), np.empty(K), np.empty(K)
    for j, unit in enumerate(H.T):
        W_bar[j] = np.mean(error * unit)
        delta = error * W[j] * (1 - unit) * (1 + unit)
        b_bar[j] = np.mean(delta)
        U_bar[j] = [np.mean(delta * column) for column in X.T]
""",
    "einsum": """\
    error = (y - t) / N
    slope = 1 - H**2
    c_bar = np.einsum("i->", error)
    W_bar = np.einsum("i,ij->j", error, H)
    b_bar = np.einsum("i,j,ij->j", error, W, slope)
    U_bar = np.einsum("i,j,ij,ik->jk", error, W, slope, X)
""",
    "einsum with a path": """\
    operands = (y - t, W, 1 - H * H, X)
    path, _ = np.einsum_path("i,j,ij,ik->jk", *operands, optimize="optimal")
    U_bar = np.einsum("i,j,ij,ik->jk", *operands, optimize=path) / N
    b_bar = np.einsum("i,j,ij->j", *operands[:3], optimize=True) / N
    W_bar = np.einsum("i,ij->j", y - t, H) / N
    c_bar = np.einsum("i->", y - t) / N
""",
    "examples as columns": """\
    x, w, target = X.T, W.reshape(1, -1), t.reshape(1, -1)
    g = U @ x + b[:, None]
    h = np.tanh(g)
    output = sigmoid(w @ h + c)
    delta2 = (output - target) / N
    delta1 = (w.T @ delta2) * (1 - h**2)
    U_bar = delta1 @ x.T
    b_bar = delta1.sum(axis=1)
    W_bar = (delta2 @ h.T).ravel()
    c_bar = delta2.sum()
""",
    "homogeneous coordinates": """\
    X1 = np.hstack([X, np.ones((N, 1))])
    H1 = np.hstack([np.tanh(X1 @ np.column_stack([U, b]).T), np.ones((N, 1))])
    w = np.append(W, c)
    delta2 = (sigmoid(H1 @ w) - t) / N
    w_bar = H1.T @ delta2
    delta1 = np.outer(delta2, w) * (1 - H1**2)
    M_bar = delta1[:, :-1].T @ X1
    U_bar, b_bar, W_bar, c_bar = M_bar[:, :-1], M_bar[:, -1], w_bar[:-1], w_bar[-1]
""",
    "output from tanh": """\
    output = (1 + np.tanh(z / 2)) / 2
    z_bar = (np.tanh(z / 2) + 1 - 2 * t) / (2 * N)
    loss = -np.mean(np.log(np.where(t == 1, output, 1 - output)))
    W_bar, c_bar = z_bar @ H, z_bar.sum()
    G_bar = np.outer(z_bar, W) * (1 - H**2)
    U_bar, b_bar = G_bar.T @ X, G_bar.sum(axis=0)
""",
    "1/N at the end": """\
    delta2 = y - t
    delta1 = delta2[:, np.newaxis] * W * (1 - H**2)
    sums = {"U": delta1.T @ X, "b": delta1.sum(0), "W": H.T @ delta2, "c": delta2.sum()}
    grads = {name: total / N for name, total in sums.items()}
    return grads, loss
""",
    "1/N in each line": """\
    error = y - t
    W_bar = 1 / N * H.T @ error
    c_bar = 1 / N * np.sum(error)
    delta = np.outer(error, W) - np.outer(error, W) * H**2
    U_bar = 1 / N * delta.T @ X
    b_bar = 1 / N * np.sum(delta, axis=0)
""",
    "numbers and math": """\
    U_bar, b_bar, W_bar, c_bar = [[0.0] * D for _ in range(K)], [0.0] * K, [0.0] * K, 0.0
    loss = 0.0
    for x, target in zip(X.tolist(), t.tolist()):
        h = [math.tanh(b[j] + math.fsum(U[j][k] * x[k] for k in range(D))) for j in range(K)]
        z = c + sum(W[j] * h[j] for j in range(K))
        loss += math.log1p(math.exp(-z if target == 1 else z)) / N
        z_bar = (1 / (1 + math.exp(-z)) - target) / N
        c_bar += z_bar
        for j in range(K):
            W_bar[j] += z_bar * h[j]
            b_bar[j] += z_bar * W[j] * (1 - h[j] ** 2)
            for k in range(D):
                U_bar[j][k] += z_bar * W[j] * (1 - h[j] ** 2) * x[k]
    U_bar, b_bar, W_bar = np.array(U_bar), np.array(b_bar), np.array(W_bar)
""",
    "float32": """\
    small = {name: np.asarray(value, np.float32) for name, value in params.items()}
    X, t = np.asarray(X, np.float32), np.asarray(t, np.float32)
    G, H, z, y, loss = forward(X, t, small)
    z_bar = (y - t) / np.float32(N)
    W_bar, c_bar = H.T @ z_bar, z_bar.sum()
    G_bar = np.outer(z_bar, small["W"]) * (1 - H * H)
    U_bar, b_bar = G_bar.T @ X, G_bar.sum(axis=0)
""",
    "outer products averaged": """\
    deltas = [(y[i] - t[i]) * W * (1 - H[i] ** 2) for i in range(N)]
    U_bar = np.mean([np.outer(delta, x) for delta, x in zip(deltas, X)], axis=0)
    b_bar = np.mean(deltas, axis=0)
    W_bar = np.mean((y - t)[:, None] * H, axis=0)
    c_bar = np.mean(y - t)
""",
    "np.matrix": """\
    x, u, w, h = np.matrix(X), np.matrix(U), np.matrix(W), np.matrix(H)
    delta2 = np.matrix(y - t).T / N
    delta1 = np.multiply(delta2 * w, 1 - np.power(h, 2))
    U_bar = np.asarray(delta1.T * x).reshape(u.shape)
    b_bar = np.asarray(delta1.sum(axis=0)).ravel()
    W_bar = np.asarray(h.T * delta2).ravel()
    c_bar = float(delta2.sum())
""",
    "gradients as a tuple": """\
    z_bar = (y - t) / N
    G_bar = np.outer(z_bar, W) * (1 - H**2)
    return (G_bar.T @ X, G_bar.sum(axis=0), H.T @ z_bar, z_bar.sum()), loss
""",
    "loss first": """\
    z_bar = (y - t) / N
    G_bar = np.outer(z_bar, W) * (1 - H**2)
    grads = {"U": G_bar.T @ X, "b": G_bar.sum(axis=0), "W": H.T @ z_bar, "c": z_bar.sum()}
    return loss, grads
""",
    "W as a row": """\
    row = W.reshape(1, K)
    z_bar = sigmoid(H @ row.T + c) - t[:, None]
    z_bar /= N
    H_bar = z_bar @ row
    W_bar = z_bar.T @ H
    c_bar = np.sum(z_bar, axis=0)
    G_bar = H_bar * (1 - H**2)
    U_bar, b_bar = G_bar.T @ X, np.sum(G_bar, axis=0, keepdims=True)
""",
    "halves of the batch": """\
    def total(first, last):
        if last - first > 1:
            middle = (first + last) // 2
            return [p + q for p, q in zip(total(first, middle), total(middle, last))]
        error = y[first] - t[first]
        delta = error * W * (1 - H[first] ** 2)
        return [np.outer(delta, X[first]), delta, error * H[first], error]

    U_bar, b_bar, W_bar, c_bar = [part / N for part in total(0, N)]
""",
    "closures": """\
    grads = {}

    def affine(x, weights, bias, names):
        def back(adjoint):
            grads[names[0]] = adjoint.T @ x
            grads[names[1]] = adjoint.sum(axis=0)
            return adjoint @ weights

        return x @ weights.T + bias, back

    def squash(x):
        out = np.tanh(x)
        return out, lambda adjoint: adjoint * (1 - out**2)

    first, back_first = affine(X, U, b, "Ub")
    second, back_second = squash(first)
    third, back_third = affine(second, W[None], np.array([c]), "Wc")
    back_first(back_second(back_third((sigmoid(third) - t[:, None]) / N)))
    grads["W"], grads["c"] = grads["W"][0], grads["c"][0]
    return grads, loss
""",
    "classes": """\
    class Layer:
        def __init__(self, weights, bias):
            self.weights, self.bias = weights, bias

        def forward(self, x):
            self.x = x
            return x @ self.weights.T + self.bias

        def backward(self, adjoint):
            self.weights_bar, self.bias_bar = adjoint.T @ self.x, adjoint.sum(axis=0)
            return adjoint @ self.weights

    hidden, output = Layer(U, b), Layer(W[np.newaxis], c)
    activity = np.tanh(hidden.forward(X))
    probability = sigmoid(output.forward(activity)[:, 0])
    hidden.backward(output.backward((probability - t)[:, None] / N) * (1 - activity**2))
    U_bar, b_bar = hidden.weights_bar, hidden.bias_bar
    W_bar, c_bar = output.weights_bar[0], output.bias_bar[0]
""",
    "lists of terms": """\
    U_bar, b_bar, W_bar, c_bar = [], [], [], []
    for x, h, output, target in zip(X, H, y, t):
        c_bar += [(output - target) / N]
        W_bar += [c_bar[-1] * h]
        b_bar += [c_bar[-1] * W * (1 - h**2)]
        U_bar += [b_bar[-1][:, None] * x]
    U_bar, b_bar, W_bar, c_bar = sum(U_bar), sum(b_bar), sum(W_bar), sum(c_bar)
""",
    "complex step": """\
    grads = {}
    for name, value in params.items():
        grads[name] = np.empty(np.shape(value))
        for index in np.ndindex(np.shape(value)):
            moved = np.array(value, complex)
            moved[index] += 1e-30j
            grads[name][index] = forward(X, t, {**params, name: moved})[-1].imag / 1e-30
    return grads, loss
""",
    "central differences": """\
    grads = {}
    for name, value in params.items():
        grads[name] = np.empty(np.shape(value))
        for index in np.ndindex(np.shape(value)):
            losses = []
            for step in (1e-5, -1e-5):
                moved = np.array(value, float)
                moved[index] += step
                losses.append(forward(X, t, {**params, name: moved})[-1])
            grads[name][index] = (losses[0] - losses[1]) / 2e-5
    return grads, loss
""",
    "in place on own copies": """\
    z_bar = y.copy()
    z_bar -= t
    z_bar /= N
    slope = H.copy()
    slope *= slope
    np.subtract(1, slope, out=slope)
    slope *= W
    slope *= z_bar[:, None]
    U_bar = np.zeros((K, D))
    np.matmul(slope.T, X, out=U_bar)
    b_bar, W_bar, c_bar = slope.sum(axis=0), z_bar @ H, z_bar.sum()
""",
    "slope as 1 / cosh^2": """\
    z_bar = np.where(t == 1, -1 / (1 + np.exp(z)), y) / N
    G_bar = np.outer(z_bar, W) / np.cosh(G) ** 2
    U_bar, b_bar = np.tensordot(G_bar, X, axes=(0, 0)), np.add.reduce(G_bar)
    W_bar, c_bar = np.inner(H.T, z_bar), np.add.reduce(z_bar)
""",
    "through y": """\
    E_bar = 1.0
    y_bar = E_bar / N * (-t / y + (1 - t) / (1 - y))
    z_bar = y_bar * y * (1 - y)
    W_bar, c_bar = z_bar.dot(H), z_bar.sum()
    H_bar = np.kron(z_bar[:, None], W)
    G_bar = H_bar * (1 + H) * (1 - H)
    U_bar, b_bar = (X.T @ G_bar).T, G_bar.sum(axis=0)
""",
    "Jacobian matrices": """\
    loss_by_z = (y - t)[None, :] / N
    z_by_W, z_by_c = H, np.ones((N, 1))
    c_bar = (loss_by_z @ z_by_c).item()
    W_bar = (loss_by_z @ z_by_W)[0]
    U_bar, b_bar = np.zeros((K, D)), np.zeros(K)
    for i in range(N):
        h_by_g = np.diag(1 - H[i] ** 2)
        g_by_U = np.kron(np.eye(K), X[i])
        loss_by_g = loss_by_z[:, i] * W @ h_by_g
        U_bar += (loss_by_g @ g_by_U).reshape(K, D)
        b_bar += loss_by_g @ np.eye(K)
""",
    "tangents": """\
    def slope_of_loss(U_dot, b_dot, W_dot, c_dot):
        G_dot = X @ U_dot.T + b_dot
        H_dot = (1 - H**2) * G_dot
        z_dot = H_dot @ W + H @ W_dot + c_dot
        return np.mean((y - t) * z_dot)

    grads = {}
    zeros = [np.zeros((K, D)), np.zeros(K), np.zeros(K), np.zeros(())]
    for position, name in enumerate("UbWc"):
        grads[name] = np.empty(zeros[position].shape)
        for index in np.ndindex(zeros[position].shape):
            direction = [zero.copy() for zero in zeros]
            direction[position][index] = 1.0
            grads[name][index] = slope_of_loss(*direction)
    return grads, loss
""",
    "parts of the batch": """\
    U_bar, b_bar, W_bar, c_bar = 0.0, 0.0, 0.0, 0.0
    for part in np.array_split(np.random.permutation(N), 3):
        error = (y[part] - t[part]) / N
        delta = error[:, None] * (W - W * H[part] ** 2)
        U_bar = U_bar + delta.T @ X[part]
        b_bar = b_bar + delta.sum(axis=0)
        W_bar = W_bar + error @ H[part]
        c_bar = c_bar + error.sum()
""",
}

RIGHT = {
    name: FORWARD + body + ("" if "\n    return " in body else GRADIENTS)
    for name, body in BODIES.items()
}
