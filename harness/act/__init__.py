"""Step 3 of an attempt, act: actions as data, how one is done on a page, and the history of those done."""
