"""`python -m halo_opt` is `halo-opt`."""

from halo_opt.cli import main

if __name__ == "__main__":
    main()
