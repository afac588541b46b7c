"""The agents: a root that questions traces with tools, calls itself on parts of them, and hands in checked claims."""
