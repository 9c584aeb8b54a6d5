/* common/events/event_types.h — the topics and event types, as api/asyncapi.yaml lists them. */
#ifndef COMMON_EVENTS_EVENT_TYPES_H
#define COMMON_EVENTS_EVENT_TYPES_H

#define TOPIC_TASK_EVENTS "task-events"
#define TOPIC_USER_EVENTS "user-events"
#define TOPIC_RECURRENCES "recurrences"
#define TOPIC_REMINDERS "reminders"
#define TOPIC_NOTIFICATIONS "notifications"
#define TOPIC_CHAT_EVENTS "chat-events"
#define TOPIC_TASK_UPDATES "task-updates"
#define TOPIC_DEAD_LETTERS "dead-letters"

#define EVENT_TASK_CREATED "todo.task.created.v1"
#define EVENT_TASK_UPDATED "todo.task.updated.v1"
#define EVENT_TASK_COMPLETED "todo.task.completed.v1"
#define EVENT_TASK_SKIPPED "todo.task.skipped.v1"
#define EVENT_TASK_REOPENED "todo.task.reopened.v1"
#define EVENT_TASK_DELETED "todo.task.deleted.v1"
#define EVENT_TASK_RESTORED "todo.task.restored.v1"
#define EVENT_TASK_PURGED "todo.task.purged.v1" /* the trash forgot it: only its id is left */
#define EVENT_USER_REGISTERED "todo.user.registered.v1"
#define EVENT_USER_UPDATED "todo.user.updated.v1"
#define EVENT_USER_DELETED "todo.user.deleted.v1"
#define EVENT_TASK_RECURRENCE_DUE "todo.task.recurrence-due.v1"
#define EVENT_REMINDER_SCHEDULED "todo.reminder.scheduled.v1"
#define EVENT_REMINDER_DUE "todo.reminder.due.v1"
#define EVENT_REMINDER_CANCELLED "todo.reminder.cancelled.v1"
#define EVENT_NOTIFICATION_SENT "todo.notification.sent.v1"
#define EVENT_NOTIFICATION_FAILED "todo.notification.failed.v1"
#define EVENT_NOTIFICATION_SHOWN "todo.notification.shown.v1" /* in the app; by backend */
#define EVENT_NOTIFICATION_READ "todo.notification.read.v1"   /* there; by backend */
#define EVENT_UPDATE_TASK "todo.update.task.v1"
#define EVENT_UPDATE_TASK_PURGED "todo.update.task-purged.v1"
#define EVENT_UPDATE_NOTIFICATION "todo.update.notification.v1"
#define EVENT_UPDATE_USER_DELETED "todo.update.user-deleted.v1" /* closes the user's sockets */
#define EVENT_UPDATE_SIGNED_OUT "todo.update.signed-out.v1"     /* the same */
#define EVENT_UPDATE_PROBE "todo.update.probe.v1"
#define EVENT_DEAD_LETTER "todo.dead-letter.v1"

#endif
