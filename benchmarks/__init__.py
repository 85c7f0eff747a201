"""What the server costs, measured beside the tutorial way and beside Node.js: `python -m benchmarks`."""
