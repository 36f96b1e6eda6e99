import uuid

from django.db import models


class ToolCall(models.Model):
    """A call that the model made in a run, as the transcript shows it. `result` is what the model got back."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        REFUSED = "refused"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey("Run", on_delete=models.CASCADE, related_name="calls")
    round = models.PositiveSmallIntegerField()
    position = models.PositiveSmallIntegerField()
    call_id = models.CharField(max_length=120)
    tool = models.CharField(max_length=60)
    arguments = models.TextField()
    result = models.TextField(blank=True)
    state = models.CharField(max_length=8, choices=State.choices)
    error_code = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "round", "position"], name="tool_call_numbered")
        ]

    def __str__(self) -> str:
        return f"{self.tool} {self.state}"


class ToolChoice(models.Model):
    """A person's standing answer to whether an assistant may use a tool. No row: it is asked where a tool asks."""

    class Answer(models.TextChoices):
        ALWAYS = "always"
        NEVER = "never"

    person_id = models.UUIDField()
    assistant = models.ForeignKey("Assistant", on_delete=models.CASCADE, related_name="tool_choices")
    tool = models.CharField(max_length=60)
    answer = models.CharField(max_length=6, choices=Answer.choices)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person_id", "assistant", "tool"], name="tool_choice_once")
        ]

    def __str__(self) -> str:
        return f"{self.tool} {self.answer}"
