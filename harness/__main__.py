"""`python -m harness`. Never does anything but hand over to the command line."""

from harness.cli import main

if __name__ == "__main__":
    main()
