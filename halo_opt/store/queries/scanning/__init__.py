"""The part of a search that touches trace files: pieces of them in, hits out.

The modules import each other by relative names and nothing else of halo_opt, so that a worker process can import this
folder without the packages around it and starts in a tenth of a second.
"""
