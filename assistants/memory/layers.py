"""The eight layers of memory: who owns each, what it may take of a prompt, and what a plan must include for it."""

from dataclasses import dataclass
from uuid import UUID

from usage.features import queries as features
from usage.features.keys import Feature


@dataclass(frozen=True)
class Layer:
    """`budget`: tokens of a prompt at most. `advanced`: needs the feature of advanced memory, else of basic memory."""

    name: str
    title: str
    owner: str
    written_by: str
    in_prompt: str
    budget: int
    advanced: bool = True
    is_kept: bool = True


LAYERS = (
    Layer("working", "Working", "this turn", "the prompt itself", "the last messages that fit", 12_000, False, False),
    Layer("session", "Session", "the conversation", "a summary, when messages do not fit any more", "the summary", 600,
          False, False),
    Layer("episodic", "Episodic", "you, with one assistant", "what happened, and when", "recalled by meaning and time",
          400),
    Layer("semantic", "Semantic", "you", "facts that you state", "recalled by meaning", 500),
    Layer("preference", "Preference", "you", "how you like answers", "always, short", 200, False),
    Layer("procedural", "Procedural", "you, with one assistant", "ways of working that succeeded", "recalled by task",
          300),
    Layer("relational", "Relational", "the workspace’s graph", "who and what facts name, and how they hang together",
          "neighbours of what is mentioned", 250, True, False),
    Layer("shared", "Shared", "the workspace", "its admins, and key facts of documents", "recalled by meaning", 400),
)  # fmt: skip
BY_NAME = {layer.name: layer for layer in LAYERS}
KEPT = tuple(layer.name for layer in LAYERS if layer.is_kept)
RECALLED = ("episodic", "semantic", "procedural", "shared")


def require(workspace_id: UUID, name: str) -> None:
    """Raises FeatureNotIncluded for a layer that the plan does not include."""
    if name in allowed(workspace_id):
        return
    if BY_NAME[name].advanced:
        features.require(workspace_id, Feature.ADVANCED_MEMORY)
    features.require(workspace_id, Feature.BASIC_MEMORY)


def allowed(workspace_id: UUID) -> frozenset[str]:
    """The layers that the plan includes. The first one is how a prompt works at all."""
    included = features.state_of(workspace_id).features
    names = {"working"}
    if {Feature.BASIC_MEMORY, Feature.ADVANCED_MEMORY} & included:
        names |= {layer.name for layer in LAYERS if not layer.advanced}
    if Feature.ADVANCED_MEMORY in included:
        names |= {layer.name for layer in LAYERS}
    return frozenset(names)
