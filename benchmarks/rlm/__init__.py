"""What the analyzer costs and what it finds, against other ways of asking a model about traces."""
