"""Stand-in sites: small web apps that speak REAL Bench's protocol on this machine."""
