from django.db import migrations

# What was owed is still sent, and what was sent is not owed again.
MOVE = """
INSERT INTO accounts_mail (key, kind, writer, workspace_id, "to", context, recipients, created_at, claimed_at, sent_at)
SELECT key, kind, 'billing', workspace_id, '[]', CASE WHEN claimed_at IS NULL THEN context ELSE '{}' END,
       recipients, created_at, claimed_at, sent_at
FROM billing_mail
ON CONFLICT (key) DO NOTHING;
DELETE FROM billing_mail
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_append_only"), ("accounts", "0002_people_and_workspaces")]

    operations = [
        migrations.RunSQL(MOVE, reverse_sql=migrations.RunSQL.noop),
        # The table stays for one release: code that still runs while this one starts writes its mails there and sends them.
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel("Mail")]),
    ]
