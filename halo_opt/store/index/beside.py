"""Files that lie beside traces and hold none: licences, notes, pictures, programs, settings."""

import re
from pathlib import Path

from halo_opt.store.readers.documents import leading_objects

_NAMES = re.compile(
    r"(?i)(?:licen[cs]e|notice|copying|readme|citation|changelog|contributing|authors|codeowners|version|makefile"
    r"|dockerfile|(?:.+[-_.])?(?:config|configs|settings|args|arguments|params|hparams|manifest|lock|package-lock"
    r"|package|schema)|(?:run|dataset|model|experiment)[-_.](?:metadata|info))(?:[-_.].*)?"
)
_ENDINGS = re.compile(
    r"(?i)\.(?:bmp|cast|cff|cfg|conf|css|diff|env|gif|html?|ico|in|ini|ipynb|jpe?g|js|lock|log|map|md|mkv|mov|mp3|mp4"
    r"|patch|pdf|pem|pkl|pkl\.gz|png|pth?|pyc?|rst|safetensors|sh|sha256|svg|tex|tiff?|toml|tsx?|ttf|txt|wav|web[mp]"
    r"|woff2?|ya?ml)$"
)
# Harbor's result of a whole job.
_JOB = {"n_total_trials", "stats"}


def lies_beside(path: Path) -> bool:
    """Whether a file that no reader recognises is expected in a folder of traces, so that it needs no warning."""
    if path.name.startswith(".") or _ENDINGS.search(path.name):
        return True
    # Records may be called anything: only what lies in one JSON document can be settings.
    if _NAMES.fullmatch(path.name) and path.suffix != ".jsonl":
        return True
    return path.suffix == ".json" and any(found.keys() >= _JOB for found in leading_objects(path))
