"""Step 5 of an attempt, record: spans and result lines."""
