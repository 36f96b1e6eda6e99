from django.db import migrations

from tenants.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("usage", "0001_initial"), ("tenants", "0002_audit_append_only")]

    operations = [
        append_only("usage_ledgerentry"),
        # Leases are renewed in place: room on each page keeps those updates off the indexes (HOT).
        migrations.RunSQL(
            "ALTER TABLE usage_hold SET (fillfactor = 50)", "ALTER TABLE usage_hold RESET (fillfactor)"
        ),
    ]
