"""What is never remembered: credentials and numbers that pay. Better one fact too few than one secret kept.

Card numbers by their length and Luhn's sum (ISO/IEC 7812-1), accounts by the sum of ISO 13616, keys by their makers'
published prefixes, and anything that a person calls a password.
"""

import re

SPACED = r"[\s.\-\u2010-\u2015\u00a0\u202f]?"
CARD = re.compile(rf"(?<![\d.,])(?:\d{SPACED}){{12,18}}\d(?![\d])")
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ \u00a0]?[A-Z0-9]{2,4}){3,8}\b", re.IGNORECASE)
PREFIXED = re.compile(
    r"""\b(?:
    sk-[\w-]{16,} | (?:sk|pk|rk|whsec)_(?:live_|test_)?\w{16,} | stw_\w{16,} | gh[pousr]_\w{20,} | github_pat_\w{20,}
    | xox[abeoprs]-[\w-]{10,} | AKIA[0-9A-Z]{16} | ASIA[0-9A-Z]{16} | AIza[\w-]{30,} | ya29\.[\w-]{20,}
    | glpat-[\w-]{16,} | hf_\w{20,} | npm_\w{20,} | pypi-\w{20,} | dop_v1_\w{20,} | SG\.[\w-]{16,}\.[\w-]{16,}
    | eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{4,}
    )""",
    re.VERBOSE,
)
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*(?:PRIVATE KEY|OPENSSH)[A-Z ]*-----|\bAGE-SECRET-KEY-1\w{20,}")
IN_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@]+:[^\s/@]+@", re.IGNORECASE)
CALLED = re.compile(
    r"""\b(?:pass(?:word|wd|phrase|code)|kennwort|passwort|mot\ de\ passe|contraseña|senha|secret(?:\ key)?
    |api[\ _-]?key
    |access[\ _-]?token|bearer|auth[\ _-]?token|pin(?:\ code|\ number)?|cvv|cvc|tan|recovery\ code|seed\ phrase)\b
    ["']?\s*(?:for\s[\w\s.-]{1,40}?(?=\s(?:is|was)\b|[=:]))?
    (?P<link>\s*(?:\b(?:is|ist|lautet|est|es|é|was)\b|=|:|→|->)\s*|\s+)["'“‘]?(?P<value>[^\s"'”’]{3,})""",
    re.IGNORECASE | re.VERBOSE,
)
# What is said of a password without telling it.
HARMLESS = re.compile(
    r"^(?:a|an|the|my|our|in|on|of|for|from|to|and|or|not|is|was|should|must|manager|managers|policy|policies|reset|"
    r"resets|rules?|length|rotation|hashing|hashes|login|sign-in|protected|field|fields|stored|kept|required|needed|safe|"
    r"forgotten|lost|changed|never|always|only|who|which|that|with|without|every|each|expires?|works?|der|die|das|ein|"
    r"eine|ist|wird|nicht|im|in)[.,;:!?]*$",
    re.IGNORECASE,
)


def holds_secret(text: str) -> bool:
    """Whether anything in it must not be kept."""
    return bool(
        PREFIXED.search(text)
        or PRIVATE_KEY.search(text)
        or IN_ADDRESS.search(text)
        or _is_called_one(text)
        or any(_is_card(match.group()) for match in CARD.finditer(text))
        or any(_is_iban(match.group()) for match in IBAN.finditer(text))
    )


def _is_called_one(text: str) -> bool:
    return any(_is_told(match["link"], match["value"]) for match in CALLED.finditer(text))


def _is_told(link: str, value: str) -> bool:
    """After "is" or a colon any word may be the secret; right after the name only what no word looks like."""
    if not link.strip():
        return any(char.isdigit() for char in value)
    return not HARMLESS.match(value)


def _is_card(text: str) -> bool:
    digits = [int(char) for char in text if char.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [
        digit if at % 2 == 0 else digit * 2 - 9 * (digit > 4) for at, digit in enumerate(reversed(digits))
    ]
    return sum(doubled) % 10 == 0


def _is_iban(text: str) -> bool:
    compact = re.sub(r"\s", "", text).upper()
    if not 15 <= len(compact) <= 34:
        return False
    moved = compact[4:] + compact[:4]
    return int("".join(str(int(char, 36)) for char in moved)) % 97 == 1
