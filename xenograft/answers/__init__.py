"""What fits say together: ranking, averages, verdicts, every number, results.json."""
