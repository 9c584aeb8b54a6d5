-- How long before its due date an occurrence is to be there: for its first reminder.

ALTER TABLE series ADD COLUMN lead text; -- of the newest occurrence: the offset, RFC 5545; NULL: none
