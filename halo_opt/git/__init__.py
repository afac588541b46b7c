"""Reading a git repository, and commits made without touching the files or the branch of the user."""
