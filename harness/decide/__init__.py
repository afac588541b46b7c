"""Step 2 of an attempt, decide: cache, macro skills, worker and manager, and what each of them is given."""
