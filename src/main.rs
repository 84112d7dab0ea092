//! Maps arguments to `run()` and its result to an exit status; prints an error once.

fn main() {}
