"""What the verbs of the command line do, one module per piece. Never touches a page; talks through what it returns."""
