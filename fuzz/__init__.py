"""Coverage-guided fuzzing of what comes from others: see README.md."""
