"""From findings to patches: the editable surface, the playbook, guarded typed edits, and commits on their own branch.

Nothing here decides whether a patch is kept, and nothing here ever writes to the user's working tree or current branch
unless the verb that was called says so.
"""
