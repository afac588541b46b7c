"""Statistics of attempts. Pure: no I/O, clock or global RNG; too little data is None, never 0."""
