"""Stand-in sites: small real web apps that speak REAL Bench's protocol on this machine. Imported by no other site."""
