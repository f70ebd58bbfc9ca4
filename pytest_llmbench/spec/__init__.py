"""What to run: file models, their resolution into deployments, workloads."""
