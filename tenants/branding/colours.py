"""One colour of a workspace made into those of both themes, so that everything stays readable.

Contrast is WCAG's: (L1 + 0.05) / (L2 + 0.05) of relative luminances. A colour that falls short is mixed with black in
the light theme, with white in the dark one, until it holds: each colour gets there.
"""

from collections.abc import Iterable
from dataclasses import dataclass

TEXT = 4.5
"""The contrast of text, by WCAG 2.2 AA."""
STEPS = 50
WHITE, BLACK = "#ffffff", "#000000"
# As in static/css/tokens.css, which a test compares.
DAY = ("#f6f6f2", "#ffffff", "#eeeee8")
NIGHT = ("#121513", "#191d1b", "#212623")
NIGHT_INK = "#0b0f0d"


@dataclass(frozen=True)
class Shades:
    """Of one theme."""

    accent: str
    hover: str
    soft: str
    text: str
    on_accent: str


@dataclass(frozen=True)
class Palette:
    asked: str
    day: Shades
    night: Shades

    @property
    def adjusted(self) -> list[str]:
        """In which themes another shade than the one asked for is shown: `light`, `dark`."""
        shown = {"light": self.day.accent, "dark": self.night.accent}
        return [theme for theme, colour in shown.items() if colour != self.asked]


def palette(asked: str) -> Palette:
    """`asked`: #rrggbb in lower case."""
    return Palette(asked, _day(asked), _night(asked))


def _day(asked: str) -> Shades:
    accent = _until_readable(asked, BLACK, against=(WHITE, *DAY))
    soft = mix(WHITE, accent, 10)
    return Shades(accent, mix(accent, BLACK, 18), soft, _until_readable(accent, BLACK, (soft, *DAY)), WHITE)


def _night(asked: str) -> Shades:
    accent = _until_readable(asked, WHITE, against=(NIGHT_INK, *NIGHT))
    soft = mix(NIGHT[1], accent, 16)
    return Shades(
        accent, mix(accent, WHITE, 22), soft, _until_readable(accent, WHITE, (soft, *NIGHT)), NIGHT_INK
    )


def _until_readable(colour: str, towards: str, against: Iterable[str]) -> str:
    grounds = tuple(against)
    for step in range(STEPS + 1):
        mixed = mix(colour, towards, step * 100 // STEPS)
        if all(contrast(mixed, ground) >= TEXT for ground in grounds):
            return mixed
    return towards


def mix(colour: str, other: str, percent: int) -> str:
    """`percent` of `other` in it, per channel of sRGB."""
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{(a * (100 - percent) + b * percent + 50) // 100:02x}" for a, b in pairs)


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(share: float) -> float:
    return float(share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def stylesheet(asked: str) -> str:
    """Redefines the accent's tokens (docs/design-system.md); to be loaded after tokens.css."""
    found = palette(asked)
    names = {
        "accent": "accent", "accent-hover": "hover", "accent-soft": "soft", "accent-text": "text", "focus": "text",
        "text-on-accent": "on_accent",
    }  # fmt: skip
    lines = [
        f"    --{name}: light-dark({getattr(found.day, shade)}, {getattr(found.night, shade)});"
        for name, shade in names.items()
    ]
    return "@layer tokens {\n  :root {\n" + "\n".join(lines) + "\n  }\n}\n"
