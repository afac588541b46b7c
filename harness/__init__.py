"""A browser agent as a program with a command line: the subject that an optimizer patches. Never imports halo_opt."""
