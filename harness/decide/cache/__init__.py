"""Actions proven by successful attempts, kept for pages and goals that come again."""
