//! Virtual users submit jobs and keep the ids that were acknowledged; after the load they wait for
//! these jobs to end.

use crate::capability::Capability;
use crate::checker::Checker;
use crate::load::{Arrival, Context, VirtualUser, What};
use crate::queue::job::{Job, MODEL_QUEUE};
use crate::text;
use futures_util::future::BoxFuture;
use redrill_history::{Action, Flags, Observation, Outcome, Role};
use std::sync::Arc;
use std::time::Duration;

const KIND: redrill_history::Capability = redrill_history::Capability::Queue;
/// How long to wait before asking for a job's state again.
const POLL: Duration = Duration::from_millis(250);

/// The capability.
#[derive(Debug)]
pub struct Queue;

impl Capability for Queue {
    fn kind(&self) -> redrill_history::Capability {
        KIND
    }

    fn lives_in(&self) -> Role {
        Role::Main
    }

    fn calls(&self) -> &'static [&'static str] {
        &["model", "mail"]
    }

    fn doc(&self) -> &'static str {
        "submits jobs, some delayed, some with a priority, some bound to fail; then waits for them"
    }

    fn user(&self, context: &Arc<Context>, vu: u32) -> Box<dyn VirtualUser> {
        Box::new(Submitter { context: Arc::clone(context), vu, acknowledged: Vec::new() })
    }

    fn checkers(&self) -> &'static [&'static dyn Checker] {
        super::checkers::CHECKERS
    }
}

struct Submitter {
    context: Arc<Context>,
    vu: u32,
    acknowledged: Vec<Acknowledged>,
}

struct Acknowledged {
    job: u64,
    queue: u64,
    id: String,
}

impl VirtualUser for Submitter {
    fn operate(&mut self, arrival: Arrival) -> BoxFuture<'_, ()> {
        Box::pin(self.submit(arrival))
    }

    fn finish(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            for acknowledged in std::mem::take(&mut self.acknowledged) {
                self.settle(&acknowledged).await;
            }
        })
    }
}

impl Submitter {
    async fn submit(&mut self, arrival: Arrival) {
        let context = Arc::clone(&self.context);
        let attempts = context.plan.target.promises.job_attempts;
        let number = context.next_number();
        let job = Job::of(context.plan.seed, number, attempts);
        let instance = context.instance(arrival.number);
        let begun = context.begin(self.vu, arrival);
        let Some(call) = context.target.call("queue.submit") else { return };
        let values = [
            ("queue", queue_name(&context, job.queue)),
            ("name", job_name(&context, job.queue)),
            ("job", Some(text::job(number))),
            ("delay_ms", job.delay.map(|delay| delay.as_millis().to_string())),
            ("priority", job.priority.map(|priority| priority.to_string())),
            ("attempts", Some(attempts.to_string())),
        ];
        let answer = context.target.make(&context.http, instance, call, &values, None).await;
        let ended = answer.ended(true, Observation::default());
        let what = What {
            capability: KIND,
            action: Action::Submit,
            key: number,
            value: job.queue,
            instance,
        };
        let operation = context.end(begun, what, ended);
        if let (Outcome::Ok, Some(id)) = (operation.outcome, answer.read(call, "id")) {
            self.acknowledged.push(Acknowledged { job: number, queue: job.queue, id });
        }
    }

    /// Waits until the job has taken effect, has ended otherwise, or the drain deadline has passed,
    /// and records the last state that the service told.
    async fn settle(&self, acknowledged: &Acknowledged) {
        let context = &*self.context;
        loop {
            if context.executed.contains(acknowledged.job) {
                return;
            }
            let late = context.clock.now_ns() >= context.drain_deadline_ns();
            // A job that the service no longer knows may come back only while it is still finding
            // its feet: a lost one is asked for until the deadline too.
            let first = context.instance(acknowledged.job);
            let ended =
                || async { matches!(self.ask(acknowledged, first, false).await, Some(4 | 5)) };
            if late || ended().await {
                self.ask_finally(acknowledged).await;
                return;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Asks for the job's last state: every instance in turn, until one knows the job. An instance
    /// may still look at a node that was demoted.
    async fn ask_finally(&self, acknowledged: &Acknowledged) {
        let context = &*self.context;
        for turn in 0..context.target.instances() as u64 {
            let instance = context.instance(acknowledged.job.wrapping_add(turn));
            if self.ask(acknowledged, instance, true).await.is_some_and(|state| state > 0) {
                return;
            }
        }
    }

    /// Asks an instance for the job's state; recorded when `last`. Returns the state's number,
    /// where it was told.
    async fn ask(&self, acknowledged: &Acknowledged, instance: u8, last: bool) -> Option<u64> {
        let context = &*self.context;
        let call = context.target.call("queue.status")?;
        let values = [
            ("queue", queue_name(context, acknowledged.queue)),
            ("id", Some(acknowledged.id.clone())),
        ];
        let asked_ns = context.clock.now_ns();
        let answer = context.target.make(&context.http, instance, call, &values, None).await;
        let state = match (answer.status(), answer.read(call, "state")) {
            (404, _) => Some(0),
            (200, Some(state)) => state_number(&state),
            _ => None,
        };
        if last {
            let begun = context.begin_at(self.vu, asked_ns, Flags::FINAL);
            let attempts = answer.number(call, "attempts");
            let mut ended =
                answer.ended(false, Observation { counter: attempts, ..Observation::default() });
            // "Unknown to the service" is an answer to this question, not a refusal of it.
            ended.outcome = if state.is_some() { Outcome::Ok } else { Outcome::Refused };
            let what = What {
                capability: KIND,
                action: Action::JobStatus,
                key: acknowledged.job,
                value: state.unwrap_or(u64::MAX),
                instance,
            };
            context.end(begun, what, ended);
        }
        state
    }
}

fn state_number(state: &str) -> Option<u64> {
    let index = Action::JOB_STATES.iter().position(|known| *known == state)?;
    u64::try_from(index).ok()
}

/// The service's name of a queue, as the target file writes it.
fn queue_name(context: &Context, queue: u64) -> Option<String> {
    name(context, if queue == MODEL_QUEUE { "queue.model" } else { "queue.mail" })
}

/// The service's name of the jobs in a queue, as the target file writes it.
fn job_name(context: &Context, queue: u64) -> Option<String> {
    name(context, if queue == MODEL_QUEUE { "job.model" } else { "job.mail" })
}

fn name(context: &Context, which: &str) -> Option<String> {
    context.target.call("queue.submit")?.names.get(which).cloned()
}
