"""Equations in spoken words, made of the form in which they are written as text."""

import re

BARS = "\u0304\u0305"
SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
NAME = rf"(?:(?![ᵀ²])[\w.{BARS}])+"
TOKEN = re.compile(rf"(\s*)(\d+\.?\d*(?:e[+-]?\d+)?(?!\w)|{NAME}|\S)")
SUM = re.compile(r"(log Σ|Σ|\bmax|\bmin)_(\w+) |Σ (?=[\w(√]|-\S)")
SIGNS = {
    **{"=": "equals", "+": "plus", "-": "minus", "/": "over", "·": "times", "^": "to the power"},
    **{"⊙": "times, element by element,", "≤": "is at most", "≥": "is at least"},
    **{"<": "is less than", ">": "is greater than", "≠": "is not", "∧": "and", "∨": "or"},
    **{"¬": "not", "√": "the square root of", "[": "at", "]": ""},
}
AFTER = {"ᵀ": "transposed", "²": "squared", "'": "prime", "\0": "summed over the rows"}
NAMES = {"σ": "sigma", "ℒ": "the cross-entropy"}
OVER = {"": "sum", "Σ": "sum", "max": "maximum", "min": "minimum", "log Σ": "logarithm of the sum"}
ENTRIES = {"if": "if", "else": "else", "mod": "modulo", "⌊": "the floor of", "⌋": ""}
ENTRIES |= {"[": "1 if", "]": ", else 0,"}  # a condition is 1 where it holds


def words(left: str, right: str, *, letters: str = "") -> str:
    """Return how an equation is read aloud; no brackets where what is in them ends with it.

    With `letters` for indices it is that of an entry, such as x_ik.
    """
    text = re.sub(r"ᵀ 1\b", "\0", f"{left} = {right}")  # a product with ones is a sum
    text = re.sub(rf"({NAME}) ⊙ \1(?![\w{BARS}(\[])", r"\1²", text)
    text = re.sub(r"\((1/\w+)\) ", r"\1 ", text)
    sums = [(OVER[x], ", ".join(y)) for x, y in SUM.findall(text)]
    text = SUM.sub("\1 ", text)
    signs = {**SIGNS, **AFTER, **(ENTRIES if letters else {})}
    said: list[str] = []
    closing: list[str] = []
    before, follows_operand = "", False
    for match in TOKEN.finditer(text):
        space, token = match.groups()
        is_name = re.fullmatch(NAME, token) is not None and token not in signs
        if token == ")":
            said.append(closing.pop())
        elif token == "(":
            is_call = follows_operand and not space
            rest = text[end_of(text, match.end()) :]
            is_open = bool(rest.strip(")")) and not (
                is_call and re.match(rf"{NAME}\)", text[match.end() :])
            )
            said += ["at" if before[-1:] == "_" else "of"] * is_call or ["times"] * follows_operand
            said.append("open bracket" if is_open else "" if is_call else ",")
            closing.append("close bracket" if is_open else "")
        else:
            is_first = is_name or token in (*"\1√⌊", *"["[: len(letters)])
            said += ["times"] * (follows_operand and bool(space) and is_first)
            if token == "\1":
                kind, over = sums.pop(0)
                said.append(f"the {kind} over {over} of" if over else f"the {kind} of")
            else:
                said.append(entry(token, letters) if is_name else signs.get(token, token))
        before, follows_operand = token, is_name or token in {*AFTER, *")]⌋"}
    return re.sub(r",?\s+,", ",", " ".join(filter(None, said)))


def entry(name: str, letters: str) -> str:
    """Return a name as it is read aloud, one of an entry with its indices."""
    stem, _, indices = name.rpartition("_")
    if stem and letters and {*indices} <= {*letters, *"0123456789"}:
        return f"{spoken(stem)} at {', '.join(indices)}".removesuffix(" at ")
    return spoken(name)


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
