"""Stage 2, frames to commands and events to frames: one package a dialect. They do not know each other."""
