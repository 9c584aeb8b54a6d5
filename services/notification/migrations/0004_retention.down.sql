DROP INDEX delivery_ended;
