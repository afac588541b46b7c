"""The benchmarks: their tasks, pages and graders, and the browser that shows the pages."""
