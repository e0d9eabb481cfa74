"""Splits a line into words, quotes and escapes kept in them (they are taken away when it is expanded)."""


def split_words(text: str, escape: str) -> list[str]:
    """Words between whitespace; quotes and escapes hold a word together. A quote may stay open."""
    words: list[str] = []
    start, quote, position = -1, "", 0
    while position < len(text):
        character = text[position]
        if start < 0:
            if character.isspace():
                position += 1
                continue
            start = position
        if quote:
            if character == escape and quote == '"':
                position += 1
            elif character == quote:
                quote = ""
        elif character in "'\"":
            quote = character
        elif character == escape:
            position += 1
        elif character.isspace():
            words.append(text[start:position])
            start = -1
        position += 1
    if start >= 0:
        words.append(text[start:])
    return words
