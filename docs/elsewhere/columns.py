"""Three layers in which every example is a column, with 1/m put in at the gradients."""

import numpy as np

from autodiff import logistic_cross_entropy, relu


def loss(params, X, Y):
    Z1 = params["W1"] @ X + params["b1"]
    A1 = relu(Z1)
    Z2 = params["W2"] @ A1 + params["b2"]
    A2 = np.tanh(Z2)
    Z3 = params["W3"] @ A2 + params["b3"]
    return np.mean(logistic_cross_entropy(Z3, Y))


def problem(rng):
    n = [3, 5, 4, 1]
    p = {}
    for i in range(1, 4):
        p[f"W{i}"] = rng.standard_normal((n[i], n[i - 1]))
        p[f"b{i}"] = rng.standard_normal((n[i], 1))
    return rng.standard_normal((3, 8)), (np.arange(8.0) % 2).reshape(1, 8), p


def linear_backward(dZ, A_prev, W):
    m = A_prev.shape[1]
    dW = np.dot(dZ, A_prev.T) / m
    db = np.sum(dZ, axis=1, keepdims=True) / m
    dA_prev = np.dot(W.T, dZ)
    return dA_prev, dW, db


def relu_backward(dA, Z):
    dZ = np.array(dA, copy=True)
    dZ[Z <= 0] = 0
    return dZ


def backprop(X, Y, params):
    p = params
    Z1 = np.dot(p["W1"], X) + p["b1"]
    A1 = np.maximum(0, Z1)
    Z2 = np.dot(p["W2"], A1) + p["b2"]
    A2 = np.tanh(Z2)
    Z3 = np.dot(p["W3"], A2) + p["b3"]
    A3 = 1 / (1 + np.exp(-Z3))
    dZ3 = A3 - Y
    dA2, dW3, db3 = linear_backward(dZ3, A2, p["W3"])
    dZ2 = dA2 * (1 - np.power(A2, 2))
    dA1, dW2, db2 = linear_backward(dZ2, A1, p["W2"])
    dZ1 = relu_backward(dA1, Z1)
    _, dW1, db1 = linear_backward(dZ1, X, p["W1"])
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2, "W3": dW3, "b3": db3}
