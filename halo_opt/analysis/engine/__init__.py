"""The agents of an analysis: a root agent that works with tools, its sub-agents, and the calls of their models."""
