"""What every other room uses: errors, records, configuration, paths, the journal, the console and text helpers."""
