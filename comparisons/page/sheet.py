"""A page in one file, put together from elements: what is not markup already becomes text."""

from base64 import b64encode
from html import escape
from pathlib import Path
from typing import Any

STYLE = Path(__file__).with_name("sheet.css")


class Html(str):
    """Markup: what `element` has made. Any other string is text."""


def element(tag: str, *content: object, **attributes: Any) -> Html:
    """Return an element; of an attribute's name a "_" at the end is left out, another is a "-"."""
    given = "".join(
        f' {name.removesuffix("_").replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
    )
    inside = joined(*content)
    return Html(f"<{tag}{given}>{inside}" + ("" if tag in ("img", "meta") else f"</{tag}>"))


def joined(*content: object) -> Html:
    return Html("".join(x if isinstance(x, Html) else escape(str(x)) for x in content))


def section(name: str, *content: object) -> Html:
    """Return a part of a page, under its name, to which `#name` leads."""
    return element("section", element("h2", name), *content, id=anchor(name))


def anchor(name: str) -> str:
    return "-".join(name.lower().split())


def link(name: str, text: object) -> Html:
    return element("a", text, href=f"#{anchor(name)}")


def fold(summary: str, *content: object) -> Html:
    return element("details", element("summary", summary), *content)


def items(*content: object) -> Html:
    return element("ul", *(element("li", x) for x in content))


def grid(caption: object, header: list[Html], rows: list[list[Html]], **attributes: Any) -> Html:
    """Return a table from its cells."""
    head = element("thead", element("tr", *header)) if header else ""
    body = element("tbody", *(element("tr", *row) for row in rows))
    return box("table", element("table", element("caption", caption), head, body, **attributes))


def box(name: str, content: Html) -> Html:
    """Return a box in which what is wide scrolls, also by the keyboard."""
    return element("div", content, class_="scroll", tabindex=0, role="group", aria_label=name)


def heading(text: object, scope: str, **attributes: Any) -> Html:
    """Return the head of a column or of a row; one without text is an empty cell."""
    return element("th", text, scope=scope, **attributes) if str(text) else element("td")


def picture(webp: bytes, alt: str) -> Html:
    source = f"data:image/webp;base64,{b64encode(webp).decode()}"
    return box("picture", element("img", src=source, alt=alt))


def document(title: str, *content: object) -> str:
    """Return a whole page; write it with `save`."""
    head = [
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Html(STYLE.read_text(encoding="utf-8"))),
    ]
    main = element("main", element("h1", title), *content)
    page = element("html", element("head", *head), element("body", main), lang="en")
    return f"<!doctype html>\n{page}\n"


def save(page: str, path: Path) -> None:
    """Write a page; bytes of file names that are not UTF-8 are shown as \\udcff."""
    path.write_text(page, encoding="utf-8", errors="backslashreplace")
