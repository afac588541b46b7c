"""What every stand-in site shares: state and its changes, sessions, pages, the protocol. Depends on no site."""
