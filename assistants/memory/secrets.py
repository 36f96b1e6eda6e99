"""What is never remembered: credentials and numbers that pay. Better one fact too few than one secret kept.

Card numbers by their length and Luhn's sum (ISO/IEC 7812-1), accounts by the lengths and the sum of ISO 13616, keys by
their makers' published prefixes and by how random they look, and anything that a person calls a password.
"""

import re
import unicodedata

# Spelled apart, a word is still that word.
APART = re.compile(r"\b(?:\w[ .\-_*]){3,}\w\b")
GAP = r"(?:\s?[.,\-\u2010-\u2015/_|·:]\s?|\s)"
NUMBERS = re.compile(rf"(?<!\d)\d+(?:{GAP}\d+)*")
PREFIXED = re.compile(
    r"""(?<![A-Za-z0-9])(?:
    sk-[\w-]{16,} | (?:sk|pk|rk|whsec)_(?:live_|test_)?\w{16,} | stw_\w{16,} | gh[pousr]_\w{20,} | github_pat_\w{20,}
    | xox[abeoprs]-[\w-]{10,} | xapp-[\w-]{10,} | A(?:KIA|SIA|GPA|IDA|ROA)[0-9A-Z]{16} | AIza[\w-]{30,}
    | ya29\.[\w-]{20,} | glpat-[\w-]{16,} | hf_\w{20,} | npm_\w{20,} | pypi-\w{20,} | dop_v1_\w{20,}
    | shpat_\w{20,} | sq0(?:atp|csp)-[\w-]{16,} | key-[0-9a-f]{32} | lin_api_\w{20,} | gsk_\w{20,} | xai-\w{20,}
    | SG\.[\w-]{16,}\.[\w-]{16,} | eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{4,}
    )""",
    re.VERBOSE,
)
PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*(?:PRIVATE KEY|OPENSSH)[A-Z ]*-----|\bAGE-SECRET-KEY-1\w{20,}|PuTTY-User-Key-File"
)
IN_ADDRESS = re.compile(
    r"\b[a-z][a-z0-9+.-]*://[^\s/:@]*:[^\s/@]+@"
    r"|[?&#;](?:[\w-]*(?:token|secret|passw(?:or)?d|pwd|api[_-]?key|signature)|key|sig|auth|code)=[^&\s]{6,}",
    re.IGNORECASE,
)
HEADER = re.compile(r"\b(?:basic|bearer)\s+(?=\S*[\d=])[A-Za-z0-9+/=_.~-]{12,}", re.IGNORECASE)
NAME = r"""(?:
    pass(?:word|wd|phrase|code)|pwd|pw|kennwort|passwort|zugangscode|mot\ de\ passe|contraseñas?|senha|wachtwoord
    |hasło|парол[ья]|密码|パスワード
    |api[\ _-]?(?:key|token|secret)|(?:access|auth|refresh|session|bot)[\ _-]?token
    |(?:client|shared|app|otp|totp|webhook)[\ _-]?secret|secret[\ _-](?:access[\ _-])?key
    |(?:private|encryption|licen[cs]e)[\ _-]key|recovery\ (?:code|phrase|key)|seed\ (?:phrase|words)|mnemonic
    )"""
LINK = r"""(?:
    \s*(?:['’]s|\b(?:is|are|was|were|reads|remains|(?:would|will|should|must)\ be|ist|war|lautet|est|es|era|é)\b)
    \s*(?:now|still|jetzt|again)?\s*:?
    |\s*(?::=|=>|->|=|:|→|>)
    )\s*"""
ABOUT = r"""(?:
    \s*\([^()]{1,60}\)
    |\s(?:for|to|of|on|at|from|in|with|für|fürs|von|vom|zum|zur|beim|im|pour|para|de|du|per)\s[^.;:=!?\n]{1,60}?
    )?"""
# A name of a program's variable may have more words in it: DB_PASSWORD, smtpPassword.
CALLED = re.compile(
    rf"""(?:\b|_|(?<=[a-z])(?=[A-Z])){NAME}(?!\w)["'“”’]?{ABOUT}(?P<link>{LINK})
    ["'“‘„«`]*(?P<value>[^\s"'”’»`<>]{{3,}})""",
    re.IGNORECASE | re.VERBOSE,
)
# Without a link only what no word looks like.
BESIDE = re.compile(
    rf"""\b{NAME}(?!\w)["'“”’]?{ABOUT}[\s,]+["'“‘„«`(]*(?=[^\s"'”’»`<>]*\d)(?P<value>[^\s"'”’»`<>]{{3,}})""",
    re.IGNORECASE | re.VERBOSE,
)
TURNED = re.compile(
    rf"""(?<![^\s"'“”’`])(?P<value>[^\s"'“”’`]{{3,120}})["'”’`]?\s(?:is|was|ist|as|als|est|es|é)\s(?:(?:my|our|the|a|mein|unser|das|mi|mon|minha|its|their)\s)?
    (?:\w+\s)?{NAME}(?!\w)(?!\s(?:manager|policy|reset|field|rule|generator|prompt|hash))""",
    re.IGNORECASE | re.VERBOSE,
)
PLAIN_SECRET = re.compile(
    r"(?:\b|_)(?:secret|token|pass|login|key)\s*(?:[:=]|\bis\b)\s*[\"'“]?(?P<value>[^\s\"'”]{3,})",
    re.IGNORECASE,
)
PAIR = re.compile(
    r"\b(?:log-?in|credentials?|account|zugangsdaten|anmeldedaten|user(?:name)?)\b\s*(?::|=|\bis\b|\bare\b|\bsind\b)"
    r"\s*\S+\s*(?:[/,|;:]|\band\b|\bund\b)\s*(?P<value>\S{4,})",
    re.IGNORECASE,
)
# Numbers that open something or pay, by their names.
NUMBERED = re.compile(
    r"""\b(?:
    pins?(?:\ (?:code|number))?|puk|i?tan|cvv2?|cvc2?|csc|security\ code|prüfziffer|otp|one[- ]time\ (?:code|password)
    |2fa(?:\ code)?|(?:backup|recovery|unlock|door|entry|gate)\ codes?|ssn|social\ security(?:\ number)?
    |(?:bank\ )?account\ (?:number|no\.?)|kontonummer|routing\ number|sort\ code
    )\b[^.!?\n\d]{0,40}(?P<value>\d[\d \-]{2,})""",
    re.IGNORECASE | re.VERBOSE,
)
# What is said of a password without telling it.
HARMLESS = re.compile(
    r"^(?:a|an|the|my|our|your|his|her|its|their|in|on|of|for|from|to|and|or|not|no|is|are|was|be|been|should|must|can|will|"
    r"manager|managers|policy|policies|reset|resets|rules?|length|rotation|hashing|hashes|login|sign-in|protected|fields?|"
    r"stored|kept|required|needed|safe|forgotten|lost|changed|never|always|only|who|which|that|this|what|it|with|without|"
    r"every|each|expires?|works?|too|very|so|long|short|strong|weak|hard|easy|secure|sent|refreshed|rotated|hashed|salted|"
    r"encrypted|shared|managed|generated|checked|asked|written|typed|expired|valid|invalid|wrong|right|correct|missing|"
    r"wanted|optional|mandatory|also|still|now|by|at|as|about|between|because|when|where|how|why|if|limited|"
    r"der|die|das|den|dem|ein|eine|ist|wird|nicht|im|zu|sehr|und|oder|immer|nie|gespeichert|geändert|vergessen|sicher)[.,;:!?]*$",
    re.IGNORECASE,
)  # fmt: skip
RANDOM = re.compile(r"[A-Za-z0-9]{20,}")
AWS_SECRET = re.compile(r"(?<![\w/+])[A-Za-z0-9/+]{40}(?![\w/+=])")
ACCOUNT = re.compile(r"\b([A-Z]{2}\d{2}(?:[\s.\-]?[A-Z0-9]){11,30})", re.IGNORECASE)
# The registry of ISO 13616: a country's accounts all have one length.
SIZES = {
    15: "NO", 16: "BE", 18: "DK FI FO GL NL", 19: "MK SI", 20: "AT BA EE KZ LT LU XK", 21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST",
    26: "IS TR", 27: "FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HU LB PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU",
    31: "MT SC", 32: "LC",
}  # fmt: skip
LENGTHS = {country: size for size, countries in SIZES.items() for country in countries.split()}
CARD_LENGTHS = range(13, 20)
# How American Express and Diners print theirs.
PRINTED = ((4, 6, 5), (4, 6, 4))


def holds_secret(text: str) -> bool:
    """Whether anything in it must not be kept."""
    text = _folded(text)
    return bool(
        PREFIXED.search(text)
        or PRIVATE_KEY.search(text)
        or IN_ADDRESS.search(text)
        or HEADER.search(text)
        or NUMBERED.search(text)
        or _is_called_one(text)
        or any(_looks_random(match.group()) for match in RANDOM.finditer(text))
        or any(_is_mixed(match.group()) for match in AWS_SECRET.finditer(text))
        or any(_holds_card(match.group()) for match in NUMBERS.finditer(text))
        or any(_is_account(match.group()) for match in ACCOUNT.finditer(text))
    )


def without(text: str) -> str:
    """A text of several sentences, without those that hold a secret; empty when one spans them."""
    kept = " ".join(
        part for part in re.split(r"(?<=[.!?])\s+|\n+", text) if part.strip() and not holds_secret(part)
    )
    return "" if holds_secret(kept) else kept


def _folded(text: str) -> str:
    """One spelling of what looks alike: full-width letters, invisible marks, l e t t e r s apart."""
    text = "".join(
        char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) not in ("Cf", "Mn")
    )
    return APART.sub(_together, text)


def _together(match: re.Match[str]) -> str:
    text = match.group()
    return text if any(char.isdigit() for char in text) else re.sub(r"[ .\-_*]", "", text)


def _is_called_one(text: str) -> bool:
    if BESIDE.search(text):
        return True
    if any(":" in match["link"] or "=" in match["link"] for match in CALLED.finditer(text)):
        return True
    told = (match["value"] for pattern in (CALLED, TURNED) for match in pattern.finditer(text))
    if any(not HARMLESS.match(value) for value in told):
        return True
    if any(
        _has_digit(match["value"]) or _is_assigned(match.group()) for match in PLAIN_SECRET.finditer(text)
    ):
        return True
    return any(_has_digit(match["value"]) for match in PAIR.finditer(text))


def _is_assigned(text: str) -> bool:
    """`client_secret: zzz`, `token=abc`, and not "the key is"."""
    return bool(re.match(r"_?(?:secret|token)\s*[:=]", text, re.IGNORECASE))


def _has_digit(text: str) -> bool:
    return any(char.isdigit() for char in text)


def _looks_random(text: str) -> bool:
    return _is_mixed(text) and sum(char.isdigit() for char in text) > 2


def _is_mixed(text: str) -> bool:
    return any(map(str.isdigit, text)) and any(map(str.islower, text)) and any(map(str.isupper, text))


def _holds_card(text: str) -> bool:
    """Whether neighbouring groups of digits are printed like a card's number and have its sum."""
    groups = re.findall(r"\d+", text)
    if _is_card("".join(groups)):
        return True
    most = max(CARD_LENGTHS)
    spans = (
        groups[begin:end]
        for begin in range(len(groups))
        for end in range(begin + 1, min(begin + most, len(groups)) + 1)
    )
    return any(_is_printed(span) and _is_card("".join(span)) for span in spans)


def _is_printed(groups: list[str]) -> bool:
    sizes = tuple(map(len, groups))
    if len(sizes) == 1 or sizes in PRINTED:
        return True
    return sizes[0] > 1 and len(set(sizes[:-1])) == 1 and sizes[-1] <= sizes[0]


def _is_card(text: str) -> bool:
    digits = [int(char) for char in text]
    if len(digits) not in CARD_LENGTHS or len(set(digits)) == 1:
        return False
    doubled = [
        digit if at % 2 == 0 else digit * 2 - 9 * (digit > 4) for at, digit in enumerate(reversed(digits))
    ]
    return sum(doubled) % 10 == 0


def _is_account(text: str) -> bool:
    compact = re.sub(r"[\s.\-]", "", text).upper()
    compact = compact[: LENGTHS.get(compact[:2], 0)]
    if len(compact) < min(LENGTHS.values()) or len(compact) != LENGTHS[compact[:2]]:
        return False
    return int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4])) % 97 == 1
