"""`echo`: gives its inputs back as its outputs; for tests, and to measure what the engine itself costs."""
