"""Stage 2', what every dialect shares: the contract, frames as bytes, a session's state. No I/O."""
