from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        from accounts.mails import writing  # noqa: PLC0415
        from billing import checks, dunning  # noqa: F401, PLC0415  registers the system checks
        from billing.entitlements import services as entitlements  # noqa: PLC0415
        from billing.erasure import services as erasure  # noqa: PLC0415
        from billing.mails import services as mails  # noqa: PLC0415
        from billing.metering import books  # noqa: PLC0415
        from billing.personal_data import HOLDINGS  # noqa: PLC0415
        from billing.referrals import services as referrals  # noqa: PLC0415
        from billing.seats import services as seats  # noqa: PLC0415
        from billing.stripe import client, personal_data  # noqa: PLC0415
        from billing.subscriptions import closing  # noqa: PLC0415
        from config import personal, ports  # noqa: PLC0415
        from tenants.lifecycle import inventory  # noqa: PLC0415
        from usage import outlets  # noqa: PLC0415
        from usage.reconciliation import billed  # noqa: PLC0415

        client.configure()
        personal.register(HOLDINGS)
        personal.register(personal_data.holdings())
        writing.WRITERS[mails.WRITER] = mails.write
        outlets.add(dunning.offer_upgrade)
        billed.use(books.told)
        ports.payments_forget_workspace.fill(erasure.forget_workspace)
        ports.payments_forget_person.fill(erasure.forget_person)
        ports.running_plan.fill(erasure.running_plan)
        ports.plan_wanted.fill(entitlements.give_first_plan)
        ports.seat_wanted.fill(seats.require_free)
        ports.seats_allowed.fill(seats.read_allowed)
        ports.person_signed_up.fill(referrals.note_signed_up)
        ports.person_confirmed.fill(referrals.note_confirmed)
        ports.seats_changed.fill(seats.note_change)
        ports.workspace_closing.fill(closing.stop_renewal)
        inventory.add(closing.inventory_of)
