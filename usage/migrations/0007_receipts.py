import django.db.models.deletion
import uuid
from django.db import migrations, models

from tenants.append_only import append_only

# The one change that a receipt ever sees is its number; a log only grows.
GUARDS = """
CREATE FUNCTION usage_receipt_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    given CONSTANT text[] := ARRAY['state', 'leaf_index', 'leaf_hash', 'numbered_at'];
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = 'pending' AND NEW.state = 'numbered'
       AND to_jsonb(NEW) - given = to_jsonb(OLD) - given THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'usage_receipt is append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER usage_receipt_append_only BEFORE UPDATE OR DELETE ON usage_receipt
    FOR EACH ROW EXECUTE FUNCTION usage_receipt_guard();
CREATE TRIGGER usage_receipt_never_emptied BEFORE TRUNCATE ON usage_receipt
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION usage_log_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.size >= OLD.size AND NEW.id = OLD.id AND NEW.workspace_id = OLD.workspace_id
       AND NEW.kind = OLD.kind AND NEW.first_key_id = OLD.first_key_id THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'usage_log is append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER usage_log_grows_only BEFORE UPDATE OR DELETE ON usage_log
    FOR EACH ROW EXECUTE FUNCTION usage_log_guard();
CREATE TRIGGER usage_log_never_emptied BEFORE TRUNCATE ON usage_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""
UNGUARD = """
DROP TRIGGER usage_log_never_emptied ON usage_log;
DROP TRIGGER usage_log_grows_only ON usage_log;
DROP FUNCTION usage_log_guard;
DROP TRIGGER usage_receipt_never_emptied ON usage_receipt;
DROP TRIGGER usage_receipt_append_only ON usage_receipt;
DROP FUNCTION usage_receipt_guard;
"""

# Ids of audit entries commit out of order, so no mark "numbered up to here" is safe: each entry leaves a row.
AUDIT_QUEUE = """
CREATE FUNCTION usage_queue_audit_leaf() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.usage_auditpending (entry_id, workspace_id) VALUES (NEW.id, NEW.workspace_id);
    RETURN NULL;
END $$;
CREATE TRIGGER tenants_auditentry_to_log AFTER INSERT ON tenants_auditentry
    FOR EACH ROW WHEN (NEW.workspace_id IS NOT NULL) EXECUTE FUNCTION usage_queue_audit_leaf();
INSERT INTO usage_auditpending (entry_id, workspace_id)
    SELECT id, workspace_id FROM tenants_auditentry WHERE workspace_id IS NOT NULL;
"""
NO_AUDIT_QUEUE = """
DROP TRIGGER tenants_auditentry_to_log ON tenants_auditentry;
DROP FUNCTION usage_queue_audit_leaf;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0002_audit_append_only'),
        ('usage', '0006_usage_pages'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditPending',
            fields=[
                ('entry_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('workspace_id', models.UUIDField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name='Log',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('workspace_id', models.UUIDField()),
                ('kind', models.CharField(choices=[('receipts', 'Receipts'), ('audit', 'Audit')], max_length=10)),
                ('size', models.BigIntegerField(default=0)),
                ('mailed_size', models.BigIntegerField(default=0)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name='LogNode',
            fields=[
                ('pk', models.CompositePrimaryKey('log_id', 'level', 'index', blank=True, editable=False, primary_key=True, serialize=False)),
                ('level', models.SmallIntegerField()),
                ('index', models.BigIntegerField()),
                ('hash', models.BinaryField(max_length=32)),
                ('log', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='usage.log')),
            ],
        ),
        migrations.CreateModel(
            name='Receipt',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('workspace_id', models.UUIDField()),
                ('hold_id', models.UUIDField(unique=True)),
                ('person_ref', models.UUIDField()),
                ('kind', models.CharField(max_length=20)),
                ('model', models.CharField(max_length=120)),
                ('body', models.TextField()),
                ('state', models.CharField(choices=[('pending', 'Pending'), ('numbered', 'Numbered')], default='pending', max_length=10)),
                ('leaf_index', models.BigIntegerField(null=True)),
                ('leaf_hash', models.BinaryField(max_length=32, null=True)),
                ('created_at', models.DateTimeField()),
                ('numbered_at', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['workspace_id', '-created_at', '-id'], name='receipt_workspace_recent'), models.Index(fields=['workspace_id', 'person_ref', '-created_at', '-id'], name='receipt_person_recent'), models.Index(condition=models.Q(('state', 'pending')), fields=['workspace_id', 'created_at'], name='receipt_pending')],
                'constraints': [models.UniqueConstraint(fields=('workspace_id', 'leaf_index'), name='receipt_number_once'), models.CheckConstraint(condition=models.Q(models.Q(('leaf_hash', None), ('leaf_index', None), ('numbered_at', None), ('state', 'pending')), models.Q(('leaf_hash__isnull', False), ('leaf_index__gte', 0), ('numbered_at__isnull', False), ('state', 'numbered')), _connector='OR'), name='receipt_numbered_iff_in_log')],
            },
        ),
        migrations.CreateModel(
            name='SigningKey',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('public_key', models.BinaryField(max_length=32)),
                ('sealed_private', models.BinaryField(null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('retired_at', models.DateTimeField(null=True)),
                ('retired_reason', models.CharField(blank=True, choices=[('routine', 'Routine'), ('compromised', 'Compromised')], max_length=12)),
            ],
            options={
                'constraints': [models.UniqueConstraint(models.Value(True), condition=models.Q(('retired_at', None)), name='signing_key_one_in_force'), models.CheckConstraint(condition=models.Q(models.Q(('retired_at', None), ('retired_reason', '')), models.Q(('retired_at__isnull', False), models.Q(('retired_reason', ''), _negated=True)), _connector='OR'), name='signing_key_retired_for_a_reason')],
            },
        ),
        migrations.AddField(
            model_name='log',
            name='first_key',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='logs_begun', to='usage.signingkey'),
        ),
        migrations.AddField(
            model_name='log',
            name='signing_key',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='logs', to='usage.signingkey'),
        ),
        migrations.CreateModel(
            name='Checkpoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('size', models.BigIntegerField()),
                ('root', models.BinaryField(max_length=32)),
                ('note', models.TextField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('log', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='usage.log')),
                ('signing_key', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='usage.signingkey')),
            ],
        ),
        migrations.CreateModel(
            name='LogLeaf',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('leaf_index', models.BigIntegerField()),
                ('type', models.CharField(choices=[('audit', 'Audit'), ('key-rotation', 'Rotation')], max_length=12)),
                ('entry_id', models.BigIntegerField(null=True, unique=True)),
                ('body', models.TextField()),
                ('leaf_hash', models.BinaryField(max_length=32)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('log', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='usage.log')),
            ],
            options={
                'verbose_name_plural': 'log leaves',
                'indexes': [models.Index(condition=models.Q(('type', 'key-rotation')), fields=['log', 'leaf_index'], name='log_leaf_rotations')],
                'constraints': [models.UniqueConstraint(fields=('log', 'leaf_index'), name='log_leaf_number_once'), models.CheckConstraint(condition=models.Q(models.Q(('entry_id__isnull', False), ('type', 'audit')), models.Q(('entry_id', None), ('type', 'key-rotation')), _connector='OR'), name='log_leaf_entry_iff_audit')],
            },
        ),
        migrations.AddConstraint(
            model_name='log',
            constraint=models.UniqueConstraint(fields=('workspace_id', 'kind'), name='log_once'),
        ),
        migrations.AddConstraint(
            model_name='log',
            constraint=models.CheckConstraint(condition=models.Q(('size__gte', 0)), name='log_size_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='checkpoint',
            constraint=models.UniqueConstraint(fields=('log', 'size'), name='checkpoint_once'),
        ),
        append_only("usage_lognode"),
        append_only("usage_logleaf"),
        append_only("usage_checkpoint"),
        migrations.RunSQL(GUARDS, UNGUARD),
        migrations.RunSQL(AUDIT_QUEUE, NO_AUDIT_QUEUE),
    ]
