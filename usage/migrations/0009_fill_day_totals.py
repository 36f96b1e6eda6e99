from django.db import migrations, models

SUMMED = (
    "entries", "messages", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "images",
    "audio_in_ms", "audio_out_ms", "websites", "generations", "cost_micro",
)  # fmt: skip
NAMES = ", ".join(SUMMED)
SUMS = ", ".join(f"sum({name})" for name in SUMMED)
# Whoever folds meanwhile waits for the state row; pages read on. It comes first: a fold takes it before the rollups.
LOCK = "SELECT folded_id FROM usage_rollupstate WHERE id = 1 FOR UPDATE"
FILL = f"""
DELETE FROM usage_daytotal;
INSERT INTO usage_daytotal (workspace_id, dimension, date, key, {NAMES})
SELECT workspace_id, dimension, date, part.key, {SUMS}
FROM usage_dailyrollup, LATERAL (VALUES
    ('day', ''), ('person', person_ref::text), ('assistant', COALESCE(assistant_id::text, '')), ('model', model),
    ('api_key', COALESCE(api_key_id::text, '')), ('project', COALESCE(project_id::text, ''))
) part (dimension, key)
GROUP BY 1, 2, 3, 4;
INSERT INTO usage_daytotal (workspace_id, dimension, date, key, {NAMES})
SELECT workspace_id, 'hour', date, lpad(hour::text, 2, '0'), {SUMS} FROM usage_hourlyrollup GROUP BY 1, 2, 3, 4;
UPDATE usage_rollupstate SET totals_id = folded_id WHERE id = 1
"""  # noqa: S608  names of our own columns


class Migration(migrations.Migration):

    dependencies = [
        ('usage', '0008_day_totals'),
    ]

    operations = [
        migrations.RunSQL(LOCK, migrations.RunSQL.noop),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name='dailyrollup',
            index=models.Index(fields=['workspace_id', 'person_ref', 'date'], name='daily_rollup_own'),
        ),
        migrations.AddIndex(
            model_name='hourlyrollup',
            index=models.Index(fields=['workspace_id', 'person_ref', 'date'], name='hourly_rollup_own'),
        ),
    ]
