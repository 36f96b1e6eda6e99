"""Audit entries that belong to no workspace are leaves too: of the platform's own log."""

from django.db import migrations

PLATFORM = "'00000000-0000-0000-0000-000000000000'"
QUEUE = f"""
CREATE OR REPLACE FUNCTION usage_queue_audit_leaf() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.usage_auditpending (entry_id, workspace_id)
        VALUES (NEW.id, COALESCE(NEW.workspace_id, {PLATFORM}));
    RETURN NULL;
END $$;
DROP TRIGGER tenants_auditentry_to_log ON tenants_auditentry;
CREATE TRIGGER tenants_auditentry_to_log AFTER INSERT ON tenants_auditentry
    FOR EACH ROW EXECUTE FUNCTION usage_queue_audit_leaf();
INSERT INTO usage_auditpending (entry_id, workspace_id)
    SELECT id, {PLATFORM} FROM tenants_auditentry WHERE workspace_id IS NULL;
"""
UNDO = f"""
DROP TRIGGER tenants_auditentry_to_log ON tenants_auditentry;
CREATE TRIGGER tenants_auditentry_to_log AFTER INSERT ON tenants_auditentry
    FOR EACH ROW WHEN (NEW.workspace_id IS NOT NULL) EXECUTE FUNCTION usage_queue_audit_leaf();
DELETE FROM usage_auditpending WHERE workspace_id = {PLATFORM};
"""


class Migration(migrations.Migration):
    dependencies = [("usage", "0017_rights"), ("tenants", "0004_people_and_workspaces")]

    operations = [migrations.RunSQL(QUEUE, UNDO)]
