"""conversations: one socket, one conversation, at `/api/chat/ws/{conversation_id}`, with its REST beside it."""

from tertulia.dialects.conversations.rest import router
from tertulia.dialects.conversations.socket import ConversationsDialect

__all__ = ["ConversationsDialect", "router"]
