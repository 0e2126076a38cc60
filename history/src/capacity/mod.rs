//! How much a service carries: what each step of a search came to, which rate is the answer, and
//! which resource was full there.

mod answer;
mod length;
mod resource;
mod step;

pub use answer::{Answer, Level, levels};
pub use length::step_length;
pub use resource::{Bottleneck, Resource, Usage};
pub use step::{Calls, End, Step, Untold};
