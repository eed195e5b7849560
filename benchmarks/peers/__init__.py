"""The workloads of the benchmark, written once for each library."""
