"""Gradients checked against numerical differentiation."""
