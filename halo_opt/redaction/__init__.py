"""Removes secrets from text before it is stored or sent. A secret that matches no rule stays in the text."""

from halo_opt.redaction.redactor import Redactor, redact
from halo_opt.redaction.rules import RedactionRules

__all__ = ["RedactionRules", "Redactor", "redact"]
