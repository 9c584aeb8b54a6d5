-- Series: the columns come with the next change.
SELECT 1;
