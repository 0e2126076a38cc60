//! Flap: a process comes and goes.

use super::injected::{Looks, each};
use super::kill::kill;
use super::pause::pause;
use super::{Condition, Fault, Form, Hits, Injected, Injection, Setting};
use anyhow::Result;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redrill_history::PlannedFault;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, oneshot};
use tokio::time::timeout;

const HOW: Setting = Setting {
    name: "how",
    doc: "pause (stopped with SIGSTOP, the default) or kill (SIGKILL, and started again)",
    form: Form::Choice(&["pause", "kill"]),
};

const DOWN: Setting = Setting {
    name: "down",
    doc: "how long it is away each time; 1s by default",
    form: Form::Duration { default: Some(Duration::from_secs(1)) },
};

const UP: Setting = Setting {
    name: "up",
    doc: "how long it is back between; 1s by default",
    form: Form::Duration { default: Some(Duration::from_secs(1)) },
};

pub(super) struct Flap;

impl Fault for Flap {
    fn name(&self) -> &'static str {
        "flap"
    }

    fn doc(&self) -> &'static str {
        "takes a process away and gives it back, over and over, as a failing machine does"
    }

    fn heals(&self) -> Option<&'static str> {
        Some("is back for good, and answers")
    }

    fn hits(&self) -> Hits {
        Hits::Processes
    }

    fn leaves(&self, _: &PlannedFault) -> Condition {
        Condition::Flapping
    }

    fn bears(&self, left: Condition) -> bool {
        !matches!(left, Condition::Still | Condition::Gone | Condition::Flapping)
    }

    fn settings(&self) -> &'static [Setting] {
        &[HOW, DOWN, UP]
    }

    fn inject<'a>(&self, injection: Injection<'a>) -> BoxFuture<'a, Result<Injected<'a>>> {
        each(injection, flap).boxed()
    }
}

async fn flap<'a>(injection: &Injection<'a>, name: &str) -> Result<Injected<'a>> {
    let (down, up) = (DOWN.duration(injection.planned)?, UP.duration(injection.planned)?);
    let (injection, name) = (injection.clone(), name.to_owned());
    let mut away = take(&injection, &name).await?;
    let proof = format!("{}; and again every {} ms", away.proof(), (down + up).as_millis());
    let (stop, mut stopped) = oneshot::channel::<()>();
    let absence = Arc::new(Mutex::new(Absence { looks: away.take_looks(), undone: None }));
    let looked_at = absence.clone();
    let activity = async move {
        loop {
            let is_over = timeout(down, &mut stopped).await.is_ok();
            look(&absence).await;
            away.heal().await?;
            if is_over || timeout(up, &mut stopped).await.is_ok() {
                return Ok(());
            }
            away = take(&injection, &name).await?;
            absence.lock().await.looks = away.take_looks();
        }
    };
    let injected = Injected::acting(proof, stop, activity);
    Ok(injected.looked_at(async move { Ok(look(&looked_at).await) }))
}

/// The time that it is away now, and what somebody else has undone of any.
struct Absence<'a> {
    looks: Looks<'a>,
    undone: Option<String>,
}

/// What somebody else has undone of this absence or of one before. The lock is not held meanwhile:
/// whoever looks may be put aside amid that, and the other would wait for ever.
async fn look(absence: &Mutex<Absence<'_>>) -> Option<String> {
    let looks = std::mem::take(&mut absence.lock().await.looks);
    let now = looks.look().await;
    let mut absence = absence.lock().await;
    absence.undone = absence.undone.take().or(now);
    absence.undone.clone()
}

async fn take<'a>(injection: &Injection<'a>, name: &str) -> Result<Injected<'a>> {
    match HOW.text(injection.planned)? {
        "kill" => kill(injection, name).await,
        _ => pause(injection, name).await,
    }
}
