"""Records, batches and input pipelines."""
