"""Equations in spoken words, made of the form in which they are written as text."""

import re

BARS = "\u0304\u0305"
SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
NAME = rf"(?:(?![ᵀ²])[\w.{BARS}])+"
TOKEN = re.compile(rf"(\s*)(\d+\.?\d*(?:e[+-]?\d+)?(?!\w)|{NAME}|\S)")
SIGNS = {
    **{"=": "equals", "+": "plus", "-": "minus", "/": "over", "·": "times", "^": "to the power"},
    **{"⊙": "times, element by element,", "≤": "is at most", "≥": "is at least"},
    **{"<": "is less than", ">": "is greater than", "≠": "is not", "∧": "and", "∨": "or"},
    **{"¬": "not", "√": "the square root of", "Σ": "the sum of", "[": "at", "]": ""},
}
AFTER = {"ᵀ": "transposed", "²": "squared", "'": "prime", "\0": "summed over the rows"}
NAMES = {"σ": "sigma", "ℒ": "the cross-entropy"}


def words(left: str, right: str) -> str:
    """Return how an equation is read aloud; no brackets where what is in them ends with it."""
    text = re.sub(r"ᵀ 1\b", "\0", f"{left} = {right}")  # a product with ones is a sum
    text = re.sub(rf"({NAME}) ⊙ \1(?![\w{BARS}(\[])", r"\1²", text)
    said: list[str] = []
    closing: list[str] = []
    before = "="
    for match in TOKEN.finditer(text):
        space, token = match.groups()
        follows_operand = before in {*AFTER, ")", "]"} or re.fullmatch(NAME, before) is not None
        if token == ")":
            said.append(closing.pop())
        elif token == "(":
            is_call = follows_operand and not space
            rest = text[end_of(text, match.end()) :]
            is_open = bool(rest.strip(")")) and not (
                is_call and re.match(rf"{NAME}\)", text[match.end() :])
            )
            said += ["of"] * is_call or ["times"] * follows_operand
            said.append("open bracket" if is_open else "" if is_call else ",")
            closing.append("close bracket" if is_open else "")
        elif re.fullmatch(NAME, token):
            said += ["times"] * (follows_operand and bool(space)) + [spoken(token)]
        else:
            said += ["times"] * (follows_operand and bool(space) and token in "Σ√")
            said.append({**SIGNS, **AFTER}.get(token, token))
        before = token
    return re.sub(r",?\s+,", ",", " ".join(filter(None, said)))


def end_of(text: str, start: int) -> int:
    """Return where the bracket that was opened before `start` has been closed."""
    depth = 1
    for i, character in enumerate(text[start:], start):
        depth += (character == "(") - (character == ")")
        if not depth:
            return i + 1
    return len(text)


def spoken(name: str) -> str:
    """Return a name as it is read aloud, as in "v 3 bar"."""
    plain = "".join(character for character in name if character not in BARS)
    stem = plain.rstrip("₀₁₂₃₄₅₆₇₈₉")
    number = plain[len(stem) :].translate(SUBSCRIPTS)
    parts = [NAMES.get(stem, stem), number, "bar" if plain != name else ""]
    return " ".join(filter(None, parts))
