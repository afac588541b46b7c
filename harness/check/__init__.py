"""Step 4 of an attempt, check: guards before an action, the verifier after it, and the search for loops."""
