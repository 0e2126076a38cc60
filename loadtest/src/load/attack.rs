//! goose runs the virtual users: the only file that starts an attack.

use anyhow::{Context as _, Result};
use goose::GooseAttack;
use goose::client::GooseClientBuilder;
use goose::config::GooseConfiguration;
use goose::metrics::GooseMetrics;
use redrill_scenarios::visit::Fleet;
use std::time::Duration;

/// How often to look whether the last operation has ended.
const LOOK: Duration = Duration::from_millis(20);

/// An attack of all fleets, ready to be executed.
pub struct Attack {
    attack: GooseAttack,
    fleets: Vec<Fleet>,
}

impl std::fmt::Debug for Attack {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "Attack({:?})", self.fleets)
    }
}

impl Attack {
    /// An attack whose virtual users are those of `fleets`; `host` is only what goose shows.
    ///
    /// # Errors
    /// What goose refuses.
    pub fn new(fleets: &[Fleet], host: &str) -> Result<Self> {
        let users: usize = fleets.iter().map(Fleet::len).sum();
        let mut configuration = GooseConfiguration::default();
        configuration.host = Some(host.to_owned());
        configuration.users = Some(users);
        // All at once: who has no arrival yet only waits.
        configuration.increase_rate = Some((users * 10).to_string());
        configuration.no_telnet = true;
        // goose resets its metrics once all users are there, which is before the first arrival.
        configuration.no_print_metrics = true;
        configuration.quiet = 3;
        let mut attack = GooseAttack::initialize_with_config(configuration)
            .context("goose refused its settings")?
            .set_client_builder_without_cookies(GooseClientBuilder::new().without_cookies())
            .context("goose refused the client")?;
        for fleet in fleets {
            attack =
                attack.register_scenario(fleet.scenario().context("goose refused a scenario")?);
        }
        Ok(Self { attack, fleets: fleets.to_vec() })
    }

    /// Runs until no arrival will come and every operation has ended.
    ///
    /// # Errors
    /// What goose reports.
    pub async fn execute(self) -> Result<GooseMetrics> {
        let fleets = self.fleets;
        let stop = async {
            loop {
                tokio::time::sleep(LOOK).await;
                if fleets.iter().all(Fleet::is_done) {
                    goose::trigger_killswitch("every arrival was answered or given up");
                    return;
                }
            }
        };
        let (metrics, ()) = tokio::join!(self.attack.execute(), stop);
        metrics.context("goose could not run the virtual users")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::BoxFuture;
    use redrill_scenarios::load::{Arrival, VirtualUser, arrivals};
    use std::sync::Arc;
    use tokio::sync::Notify;

    /// Panics at its first arrival.
    struct Clumsy;

    impl VirtualUser for Clumsy {
        fn operate(&mut self, arrival: Arrival) -> BoxFuture<'_, ()> {
            Box::pin(
                async move { assert!(arrival.number > 0, "the panic that this test is about") },
            )
        }

        fn finish(&mut self) -> BoxFuture<'_, ()> {
            Box::pin(async {})
        }
    }

    /// Never ends what it begins, until it is told to.
    struct Stuck(Arc<Notify>);

    impl VirtualUser for Stuck {
        fn operate(&mut self, _: Arrival) -> BoxFuture<'_, ()> {
            Box::pin(self.0.notified())
        }

        fn finish(&mut self) -> BoxFuture<'_, ()> {
            Box::pin(async {})
        }
    }

    /// goose counts its attacks in statics.
    static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

    #[tokio::test]
    async fn a_user_that_panics_is_counted_and_neither_it_nor_the_attack_is_lost() {
        let _turn = ONE_AT_A_TIME.lock().await;
        let (sender, queue) = arrivals();
        let fleet = Fleet::new("clumsy", vec![Box::new(Clumsy)], queue);
        (0..3).for_each(|number| sender.send(number, 0));
        drop(sender);
        let attack = Attack::new(std::slice::from_ref(&fleet), "http://127.0.0.1").unwrap();
        attack.execute().await.unwrap();
        assert!(fleet.is_done());
        assert_eq!(fleet.panics(), 1);
    }

    #[tokio::test]
    async fn what_nobody_has_begun_can_be_given_up() {
        let _turn = ONE_AT_A_TIME.lock().await;
        let (sender, queue) = arrivals();
        let release = Arc::new(Notify::new());
        let fleet = Fleet::new("stuck", vec![Box::new(Stuck(Arc::clone(&release)))], queue);
        let attack = Attack::new(std::slice::from_ref(&fleet), "http://127.0.0.1").unwrap();
        let conduct = async {
            while !fleet.is_ready() {
                tokio::task::yield_now().await;
            }
            (0..3).for_each(|number| sender.send(number, 0));
            drop(sender);
            while fleet.is_ready() {
                tokio::task::yield_now().await;
            }
            assert_eq!(fleet.abandon(), 2);
            assert!(!fleet.is_done(), "one is still being done");
            release.notify_one();
        };
        let (metrics, ()) = tokio::join!(attack.execute(), conduct);
        metrics.unwrap();
        assert!(fleet.is_done());
    }
}
