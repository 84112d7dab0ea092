//! The guard of the machine as a whole: whether it is short of memory, and what is due then. Pure: readings and times
//! are handed in, and the same ones give the same steps.
//!
//! Two things say that memory is short. What is *left* (MemAvailable, what ZFS would give back, and free swap for what
//! it really gains) is below the floor at two readings; or all work has *stalled*, waiting for memory, for so many of
//! the last ten seconds. Either alone misses machines that the other sees: with swap on a disk MemAvailable never fell
//! below 17% in a freeze of a minute, and on a healthy machine that reads a backup the stall alone is high while half
//! of the memory is available.
//!
//! The floor is what is lost within one reaction, and a little for the exit of the victim. On a large machine 4% is
//! that many times over. On one of 512 MiB it is 20 MiB, which a storm of forks on two cores takes in 20 ms: by the
//! time that two readings have agreed and a victim is chosen nothing would be left. So the floor for the decision grows
//! by the speed of the fall times [`REACTION`], as long as it falls: with 1 GiB/s by 100 MiB. It grows by an eighth of
//! the memory at most, since a growth may end by itself, and every growth that is stopped too early was stopped without
//! need.
//!
//! One victim at a time, or one group of kin: after an order nothing is ordered before all its victims have ended. They
//! are sent SIGKILL where that takes too long, and no other process is killed instead.

mod choice;
mod level;
mod protected;
mod shortage;
mod speed;
mod stall;
#[cfg(test)]
mod tests;

pub use choice::{Candidate, Choice, MOST, Need, Rank, Tier, Why, choose, rank};
pub use level::{Level, Progress, Reading, Step, floor_threshold};
pub use protected::ShortageStanding;
pub use shortage::{REACTION, Shortage};
pub use stall::Stall;
