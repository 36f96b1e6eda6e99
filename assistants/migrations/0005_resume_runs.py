from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("assistants", "0004_library"),
    ]

    operations = [
        migrations.AlterField(
            model_name="run",
            name="kind",
            field=models.CharField(
                choices=[
                    ("reply", "Reply"), ("title", "Title"), ("memory", "Memory"), ("embedding", "Embedding"),
                    ("image", "Image"), ("speech", "Speech"), ("transcription", "Transcription"),
                    ("website", "Website"), ("code", "Code"), ("resume", "Resume"),
                ],
                max_length=20,
            ),
        ),
    ]  # fmt: skip
