"""Cards stage: text of a record made harmless, and long text cut.

Clients differ: some render Markdown with raw HTML, some show it as it is. So nothing is escaped by backslashes or
entities; each character that could come alive is replaced by one that looks alike and is inert in both.
Source: CommonMark 0.31 (inlines, blocks), GitHub Flavored Markdown (autolinks, strikethrough, tables).
"""

from __future__ import annotations

import re
import unicodedata

MOST_CHARACTERS = 120
CUT = "…"
"""How a text ends whose end was cut."""
_LOOK_ALIKE = str.maketrans(
    {
        "<": "‹",
        ">": "›",
        "&": "＆",
        "`": "'",
        "*": "∗",
        "[": "(",
        "]": ")",
        "#": "＃",
        "|": "¦",
        "~": "∼",
        "\\": "∖",
        "@": "＠",
        "{": "(",
        "}": ")",
    }
)
_LOOSE_UNDERSCORE = re.compile(r"(?<![^\W_])_+|_+(?![^\W_])")
# A dot that some renderers take for that of a host name, and two slashes that begin an address without its scheme.
_HOST_DOT = re.compile(r"(?<=[A-Za-z0-9])\.(?=[A-Za-z]{2})|(?i:(?<=www)\.)")
_LIST_MARK = re.compile(r"^(?:(\d{1,9})[.)]|[-+=]+)(?=\s|$)")
# What a cut must not end with: "embolism and thrombosis of", "intervention with".
_LINKING = re.compile(
    r"(?: (?:of|in|on|at|to|by|and|or|with|for|the|von|der|des|die|und|mit|im|de|del|la|el|en|y|con))+$"
)
# What a title of a classification can spare where it has to be short: "other", "unspecified", and what it is without.
_SPARED = re.compile(
    r"^([„«“]?)(?:unspecified|other|sonstige[rs]?|otr[oa]s?) |,? (?:unspecified|not otherwise specified|nicht näher "
    r"bezeichnet|no especificad[oa]s?|sin otra especificación)(?!\w)|,? (?:without|ohne|sin) .*$",
    re.IGNORECASE,
)
_JOINERS = "\u200c\u200d"
# Most texts: nothing to replace, so the work below is spared (a third of the time of a call's cards).
_ORDINARY = re.compile(r"(?!\d+[.)](?: |$))[A-Za-z0-9](?:[A-Za-z0-9,.()/%'+-]| (?! ))*(?<! )")


def harmless(text: str, limit: int = MOST_CHARACTERS) -> str:
    """The text on one line, at most `limit` characters, without anything that a renderer could bring to life.

    Control, bidirectional and other invisible characters are taken out; the result may be empty.
    """
    if len(text) <= limit and _ORDINARY.fullmatch(text) and "//" not in text and not _HOST_DOT.search(text):
        return text
    plain = " ".join("".join(_visible(character) for character in text[: 4 * limit]).split())
    plain = _LOOSE_UNDERSCORE.sub(" ", plain.translate(_LOOK_ALIKE))
    plain = _HOST_DOT.sub("․", plain.replace("://", "∶∕∕").replace("//", "∕∕"))
    plain = " ".join(plain.split())
    return shorten(_LIST_MARK.sub(lambda found: f"{found.group(1) or ''}–", plain), limit)


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cc":
        return " "
    return "" if category in ("Cf", "Cs", "Co") and character not in _JOINERS else character


def shorten(text: str, limit: int) -> str:
    """The text, or its beginning up to a word that says something, with an ellipsis; never longer than `limit`."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    space = cut.rfind(" ")
    kept = cut[:space] if space > limit // 2 else cut
    return _LINKING.sub("", kept).rstrip(" ,;:–(") + CUT


def in_brief(text: str, limit: int) -> str:
    """A title without what it can spare where it is longer than `limit`: "Thyrotoxicosis with thyrotoxic crisis"."""
    return (_SPARED.sub(lambda found: found[1] or "", text) or text) if len(text) > limit else text


def sentence_case(text: str) -> str:
    """The text with a capital first letter, unless its first word is written its own way (eGFR)."""
    return text[:1].upper() + text[1:] if text[:2].islower() or text[1:2] == " " else text
