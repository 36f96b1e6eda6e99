from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        from billing import checks, dunning  # noqa: F401, PLC0415  registers the system checks
        from billing.entitlements import services as entitlements  # noqa: PLC0415
        from billing.metering import books  # noqa: PLC0415
        from billing.referrals import services as referrals  # noqa: PLC0415
        from billing.seats import services as seats  # noqa: PLC0415
        from billing.stripe import client  # noqa: PLC0415
        from config import ports  # noqa: PLC0415
        from usage import outlets  # noqa: PLC0415
        from usage.reconciliation import billed  # noqa: PLC0415

        client.configure()
        outlets.add(dunning.offer_upgrade)
        billed.use(books.told)
        ports.plan_wanted.fill(entitlements.give_first_plan)
        ports.seat_wanted.fill(seats.require_free)
        ports.person_signed_up.fill(referrals.note_signed_up)
        ports.person_confirmed.fill(referrals.note_confirmed)
        ports.seats_changed.fill(seats.note_change)
