"""What the verbs of the command line do, one module per piece. Knows no page and no model; talks through what it returns."""
