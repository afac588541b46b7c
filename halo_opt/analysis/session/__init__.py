"""What the verbs that ask a model about traces share: what was asked for, the open session, what it may cost and did.

Nothing here prints, and nothing is imported from here: the modules are named.
"""
