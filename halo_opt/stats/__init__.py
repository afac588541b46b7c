"""Statistics of attempts: pure functions that give None for too little data."""
