from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People and keys"

    def ready(self) -> None:
        from accounts import gates, personal_data, queries, revocation, services  # noqa: PLC0415
        from accounts.legal import checks, signup  # noqa: F401, PLC0415  registers the system check
        from accounts.mails import services as mails  # noqa: PLC0415
        from accounts.signin import gate, records  # noqa: PLC0415
        from accounts.sso import gate as sso_gate  # noqa: PLC0415
        from accounts.sso import personal_data as sso_personal_data  # noqa: PLC0415
        from accounts.workspaces import services as workspaces  # noqa: PLC0415
        from accounts.workspaces_ending import queries as ending  # noqa: PLC0415
        from config import personal, ports  # noqa: PLC0415
        from tenants.lifecycle import inventory  # noqa: PLC0415

        revocation.connect()
        records.connect()
        signup.connect()
        personal.register(personal_data.HOLDINGS)
        personal.register(sso_personal_data.HOLDINGS)
        gates.GATES.append(gate.two_factors)
        gates.GATES.append(sso_gate.single_sign_on)
        gates.KEY_GATES.append(gate.two_factors)
        ports.person_reference.fill(services.person_reference_of)
        ports.owners_told.fill(workspaces.tell_owners)
        ports.managers_told.fill(workspaces.tell_managers)
        ports.owner_addresses.fill(queries.owner_addresses)
        ports.mail_owed.fill(mails.send_once)
        inventory.add(ending.inventory_of)
