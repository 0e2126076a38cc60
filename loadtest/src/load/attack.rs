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
