"""One file per benchmark. Never imported by the policies: an agent must not know which benchmark it is in."""
