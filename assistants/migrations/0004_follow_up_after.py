from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("assistants", "0003_assistants_that_remember")]

    operations = [
        migrations.AddField(model_name="followup", name="after_id", field=models.UUIDField(null=True)),
    ]
