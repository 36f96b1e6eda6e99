"""Bytes as text. Without Django: the process that reads files uses it too."""

import re

import charset_normalizer

MAX_CONTROLS_PER_1000 = 1
CHARSET_SAMPLE = 64 * 1024
CONTROLS = "".join(chr(code) for code in (*range(9), 11, *range(14, 27), *range(28, 32), 127))
# In any of the encodings that XML parsers guess: ASCII, UTF-16, UTF-32.
DECLARATION = re.compile(
    rb"<\x00*!\x00*(D\x00*O\x00*C\x00*T\x00*Y\x00*P\x00*E|E\x00*N\x00*T\x00*I\x00*T\x00*Y)", re.I
)


def decode(content: bytes) -> str | None:
    """None for what is no text. UTF-8, UTF-16 with its mark, or what the letters make most likely."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        # Half a character at the end of what was read is not the text's fault.
        text: str | None = content.decode("utf-16", "ignore")
    elif b"\x00" in content:
        return None
    else:
        text = _decode_bytes(content)
    if text is None:
        return None
    controls = sum(text.count(control) for control in CONTROLS)
    return None if controls * 1000 > len(text) * MAX_CONTROLS_PER_1000 else text


def _decode_bytes(content: bytes) -> str | None:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Cut in the middle of a character by the limit of its reader.
        if error.reason == "unexpected end of data":
            return content[: error.start].decode("utf-8-sig")
    best = charset_normalizer.from_bytes(content[:CHARSET_SAMPLE]).best()
    return None if best is None else content.decode(best.encoding, "replace")


def declares(xml: bytes) -> bool:
    """Whether a document type or an entity is declared, which no office file does."""
    return DECLARATION.search(xml) is not None
