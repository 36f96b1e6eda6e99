from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("assistants", "0003_assistants_that_remember")]

    operations = [
        migrations.AddField("providermodel", "is_listed", models.BooleanField(default=True)),
        migrations.AddField("providermodel", "is_chosen", models.BooleanField(default=True)),
    ]
