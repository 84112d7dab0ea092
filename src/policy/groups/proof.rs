//! The proof that a group is over its threshold, from what is read now alone.
//! Pure but for what the given reader reads.

use super::bounds::GroupStanding;
use super::membership::MemberReader;
use super::sums::{Known, Sums};
use crate::policy::Policy;
use crate::proc::Sizes;
use crate::quantities::{Bytes, Metric};

impl Sums {
    /// Reads what was kept of the members of this group anew, until it is over its threshold without that, or can't be.
    /// Where there is no time for all, it can't be told, and the next scan goes on.
    pub fn prove(
        &mut self,
        sum: usize,
        policy: &Policy,
        sizes: &mut Sizes,
        reader: &mut dyn MemberReader,
    ) {
        self.read_on(sum, Bytes::ZERO, policy, sizes, reader);
        self.judge_one(sum);
        if self.is_undecided(sum, sizes) {
            self.is_incomplete = true;
            self.kept.go_on();
        }
    }

    /// Takes what was kept of the members for unread.
    pub(super) fn put_aside(&mut self, sum: usize, sizes: &Sizes) {
        let Some(own) = self.all.get_mut(sum) else {
            return;
        };
        (own.bounds.kept, own.cursor) = (Bytes::ZERO, 0);
        let links = self.links.iter_mut();
        for link in links.filter(|link| usize::from(link.sum) == sum && link.known == Known::Kept) {
            let Some(size) = sizes.all().get(link.member as usize) else {
                continue;
            };
            let bounds = &mut own.bounds;
            // It may have been read for another group meanwhile.
            if let Some(known) = size.by(Metric::Pss) {
                link.known = Known::Now;
                bounds.known = bounds.known.saturating_add(known);
            } else {
                link.known = Known::No;
                bounds.unread = bounds.unread.saturating_add(size.rss);
            }
        }
    }

    /// Says what is known of this group now.
    pub(super) fn judge_one(&mut self, sum: usize) {
        let Some(own) = self.all.get(sum) else { return };
        let Some(threshold) = self.traits.get(own.group).map(|traits| traits.threshold) else {
            return;
        };
        let rest = self.rest_of_sum(own);
        if let Some(own) = self.all.get_mut(sum) {
            own.bounds.rest = rest;
            own.standing = own.bounds.standing(threshold);
            own.is_proven = own.bounds.proves(threshold);
        }
    }

    /// Whether it can't be told yet whether this group is over its threshold, and something was not read.
    fn is_undecided(&self, sum: usize, sizes: &Sizes) -> bool {
        let own = self.all.get(sum);
        own.is_some_and(|own| {
            let has_more = own.cursor < self.links.len() || self.next < sizes.all().len();
            own.standing == GroupStanding::Open && has_more
        })
    }

    /// Keeps what was read for the next scan, at the end of this one.
    pub fn keep(&mut self, sizes: &Sizes) {
        let known = sizes.all().get(..self.next).unwrap_or_default();
        self.kept.keep(known);
    }
}
