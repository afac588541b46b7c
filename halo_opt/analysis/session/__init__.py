"""What `analyze` and `ask` share: the user's options, the open session with its models, and what it costs."""
