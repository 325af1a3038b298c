//! The write that begins a rollout, or that ends an older one because stable is what is wanted.
//!
//! Decides what it is refused for beside the usual fence, and that a way back takes effect. It may use observed objects and
//! the one write.

use crate::machine::migration::taken_name;
use crate::machine::next::Order;
use crate::machine::world::World;
use crate::machine::write::{RecordSize, order, sure_order, while_latest_stands};
use crate::model::event::Event;
use crate::model::observed::Service;
use crate::model::split::Split;
use crate::rollout::record::{BadRecord, Phase, Record};
use serde_json::Value;

/// The order of that write.
pub(super) fn begin_order(
    world: &World,
    service: &Service,
    record: Record,
    split: Option<Split>,
    template: Option<Value>,
    what: Event,
) -> Result<Order, BadRecord> {
    // A way back has to take effect, whatever stands in its way.
    let order = match split {
        Some(split) if record.phase == Phase::RolledBack => {
            let taken = taken_name(world, service, &record);
            sure_order(service, record, split, taken, RecordSize::Whole, what)?
        }
        split => order(service, record, split, template, what)?,
    };
    Ok(while_latest_stands(service, order))
}
