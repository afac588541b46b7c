"""What the agent sees of a page: reading, naming and writing it down. Never acts on the page."""
