"""From findings to patches: the editable surface, the playbook, guarded typed edits, commits on a branch."""
