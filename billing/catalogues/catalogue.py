"""A catalogue of plans as its file says it: read, checked as a whole, frozen."""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from billing.catalogues.nodes import Fault, Report, read

DIRECTORY = Path(__file__).parent
SHARED_WORKSPACE = "shared_workspace"
"""The feature of every plan that seats more than one person, and of no other."""


class CatalogueInvalid(ImproperlyConfigured):
    """Everything that is wrong with a file, one line each: `file:line: key: what`."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = sorted(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


@dataclass(frozen=True)
class FeatureSpec:
    """`is_offered`: the product has it and plans that list it give it. Others are shown as planned and never sold.

    `meters`: what only this feature uses; limits of them are planned as long as it is.
    """

    key: str
    label: str
    is_offered: bool
    note: str = ""
    meters: tuple[str, ...] = ()


@dataclass(frozen=True)
class LimitOfPlan:
    """`amount` None is unlimited."""

    meter: str
    window: str
    amount: int | None
    warn_percent: int | None = None
    block_percent: int | None = None


@dataclass(frozen=True)
class PlanSpec:
    """`prices`: interval → cents, empty without a price. `seats` None is unlimited."""

    key: str
    name: str
    tagline: str
    sale: str
    prices: dict[str, int]
    price_from_minor: int | None
    support: str
    seats: int | None
    is_per_seat: bool
    trial_days: int
    is_passthrough: bool
    is_highlighted: bool
    limits: tuple[LimitOfPlan, ...]
    rates: dict[str, int | None]
    features: tuple[str, ...]


@dataclass(frozen=True)
class DealSpec:
    key: str
    label: str
    plan: str
    amount_minor: int
    limit: int
    is_offered: bool


@dataclass(frozen=True)
class ReferralSpec:
    """What each side is credited."""

    credit_minor: int


@dataclass(frozen=True)
class Milestone:
    """`share_bp`: the part of the fee that is due when it is reached, in basis points."""

    percent: int
    share_bp: int


@dataclass(frozen=True)
class OutcomesSpec:
    goals: tuple[str, ...]
    milestones: tuple[Milestone, ...]


@dataclass(frozen=True)
class Assumption:
    """What one of a meter costs us: a stated amount, or tokens of a model at the price book's rates."""

    meter: str
    source: str
    cost_micro: int | None = None
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True)
class Catalogue:
    key: str
    name: str
    currency: str
    trial_days: int
    features: dict[str, FeatureSpec]
    plans: tuple[PlanSpec, ...]
    referral: ReferralSpec | None = None
    deals: tuple[DealSpec, ...] = ()
    """Only those that are offered."""
    planned_deals: tuple[DealSpec, ...] = ()
    outcomes: OutcomesSpec | None = None
    margin: dict[str, Assumption] = field(default_factory=dict)

    @property
    def planned_meters(self) -> frozenset[str]:
        """Meters that nothing uses yet."""
        planned = (spec for spec in self.features.values() if not spec.is_offered)
        return frozenset(meter for spec in planned for meter in spec.meters)


def list_names() -> list[str]:
    return sorted(path.stem for path in DIRECTORY.glob("*.yaml"))


def load(name: str) -> Catalogue:
    """The catalogue of that name. Raises CatalogueInvalid; ImproperlyConfigured when there is none."""
    if name not in list_names():
        raise ImproperlyConfigured(
            f"There is no catalogue {name!r}; PLAN_CATALOGUE can be {', '.join(list_names())}."
        )
    return load_file(DIRECTORY.joinpath(f"{name}.yaml"))


@lru_cache(maxsize=16)
def get(name: str) -> Catalogue:
    """As `load`, read once per process."""
    return load(name)


def load_file(path: Path) -> Catalogue:
    """Raises CatalogueInvalid with everything that is wrong."""
    from billing.catalogues import building  # noqa: PLC0415  it makes what is declared here

    report = Report(path.name)
    section = read(path, report)
    made = building.catalogue(section, path.stem) if section is not None else None
    if report.faults or made is None:
        raise CatalogueInvalid(report.faults)
    return made
