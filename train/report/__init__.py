"""Reports that a person looks at: one page each, with its charts and pictures inside."""
