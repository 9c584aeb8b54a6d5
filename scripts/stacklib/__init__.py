"""The parts of scripts/stack: one machine's copy of the system, laid out in one directory."""

SERVICES = ("backend", "recurring-task", "notification", "audit", "websocket")
WITH_DATABASE = ("backend", "recurring-task", "notification", "audit")
TOPICS = (
    "task-events",
    "recurrences",
    "reminders",
    "notifications",
    "user-events",
    "chat-events",
    "task-updates",
    "dead-letters",
)
MARK = "TODO_STACK_DIR"


def instances(replicas: dict[str, int], service: str) -> list[str]:
    """The names of a service's processes: websocket, websocket-1, …"""
    return [service, *(f"{service}-{number}" for number in range(1, replicas.get(service, 1)))]


class StackError(Exception):
    """What the user can act on; printed without a traceback."""
