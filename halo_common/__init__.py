"""What halo_opt and the bundled harness both need: child processes, failed model calls, prices, and small text and file
helpers. It imports neither of the two, and nothing that is slow to import.
"""
