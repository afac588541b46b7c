"""Reader for flat span JSONL from any producer: a span a line, in the layout that the HALO engine reads.

Neither task nor outcome is needed. A trace may be spread over several files of one folder.
"""

from collections.abc import Sequence
from pathlib import Path

from halo_opt.store.readers.base import FolderReader, first_objects
from halo_opt.store.readers.span_lines import by_run, problem_of, traces_of
from halo_opt.store.readers.span_trace import run_of, trace_of
from halo_opt.store.sink import Sink


class SpansReader(FolderReader):
    """Flat span JSONL."""

    name = "spans"
    meaning = "flat OpenTelemetry span JSONL, a line {trace_id, span_id, parent_span_id, name, attributes, ...}"

    def sniff(self, path: Path) -> bool:
        """Whether one of the first lines is a span."""
        return path.is_file() and any(problem_of(line) is None for line in first_objects(path))

    def read_files(self, paths: Sequence[Path], sink: Sink) -> None:
        """Read every trace of some files of one folder. A run for each run id, else one named after file or folder."""
        for _, found in traces_of(paths, sink.reject, own_fields=sink.names is not None):
            spans = found if sink.names is None else sink.names.spans(found)
            own_name = sink.run_of(paths[0], self.name)
            for part in by_run(spans):
                trace = trace_of(part, run_id=own_name)
                if sink.trace(trace):
                    sink.run(run_of(trace.attempt, self.name))
