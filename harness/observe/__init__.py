"""Step 1 of an attempt, observe: read a page and write it down as text."""
