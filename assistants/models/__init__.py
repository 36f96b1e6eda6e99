"""The data plane: what was said and made. These tables exist once per workspace, in its schema.

People are referred to by id, without a foreign key: no key crosses schemas, so that a workspace can be moved or
restored by itself.
"""

from assistants.models.assistants import Assistant, AssistantKnowledge, AssistantMember, AssistantVersion
from assistants.models.conversations import Attachment, Conversation, Feedback, FollowUp, Message, ShareLink
from assistants.models.documents import Document, DocumentChunk, ResumeProfile
from assistants.models.library import ConversationImport
from assistants.models.memory import (
    ConversationSummary,
    Entity,
    MemoryChoice,
    MemoryItem,
    MemoryRefusal,
    Relation,
)
from assistants.models.projects import Project, ProjectMember
from assistants.models.providers import Provider, ProviderModel
from assistants.models.runs import SALT_BYTES, Run, new_salt
from assistants.models.tools import ToolCall, ToolChoice
from assistants.models.widgets import Widget

__all__ = [
    "SALT_BYTES",
    "Assistant",
    "AssistantKnowledge",
    "AssistantMember",
    "AssistantVersion",
    "Attachment",
    "Conversation",
    "ConversationImport",
    "ConversationSummary",
    "Document",
    "DocumentChunk",
    "Entity",
    "Feedback",
    "FollowUp",
    "MemoryChoice",
    "MemoryItem",
    "MemoryRefusal",
    "Message",
    "Project",
    "ProjectMember",
    "Provider",
    "ProviderModel",
    "Relation",
    "ResumeProfile",
    "Run",
    "ShareLink",
    "ToolCall",
    "ToolChoice",
    "Widget",
    "new_salt",
]
