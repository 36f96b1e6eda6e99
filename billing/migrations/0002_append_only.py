from django.db import migrations

from tenants.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial"), ("tenants", "0002_audit_append_only")]

    operations = [append_only("billing_billingevent"), append_only("billing_measurement")]
