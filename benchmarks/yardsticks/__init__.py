"""The same jobs as others do them, to measure beside."""
