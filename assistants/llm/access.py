from dataclasses import dataclass, field


@dataclass(frozen=True)
class Access:
    """How to reach an endpoint: it holds the key, so it is neither saved nor shown."""

    base_url: str
    api_key: str = field(repr=False)
    is_own: bool = False
