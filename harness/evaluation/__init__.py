"""Sets of attempts: which ones, into which folder, and the tables over them."""
