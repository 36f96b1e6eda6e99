"""Minor units as people read them."""

SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£"}
WITHOUT_MINOR = frozenset(
    {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf"}
)


def as_text(minor: int, currency: str = "usd") -> str:
    """`$1,234.56`; `1,234.56 CHF` where a currency has no sign of its own here."""
    code = currency.lower()
    whole, rest = (abs(minor), None) if code in WITHOUT_MINOR else divmod(abs(minor), 100)
    digits = f"{whole:,}" if rest is None else f"{whole:,}.{rest:02d}"
    sign = "-" if minor < 0 else ""
    symbol = SYMBOLS.get(code)
    return f"{sign}{symbol}{digits}" if symbol else f"{sign}{digits} {code.upper()}"
