"""The comparisons, a module each, and what they have in common.

Each has `measure(...) -> dict`, numbers and text alone, and of that dict `tables(result)`, with
paragraphs, `figure(result)`, which may be None, and `verdict(result)`, a sentence.
"""
