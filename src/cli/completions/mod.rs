//! The completions of bash, zsh and fish, made from the table of commands: each is fixed functions of its shell around
//! what this table has. The files in `etc/completions` are printed by these functions.

mod bash;
mod fish;
mod parts;
mod zsh;

pub use bash::bash;
pub use fish::fish;
pub use zsh::zsh;
