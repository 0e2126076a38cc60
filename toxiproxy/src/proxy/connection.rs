//! A connection through a proxy: both directions in one task, which never waits for one thing only.
//! While it is plain and at work, it is relayed: see [`super::relay`].

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::control::{Control, Notice, Settings};
use super::link::{Link, reset_on_drop};
use super::live::{Live, Registered};
use super::relay::{self, Back, Plain, Relayed};
use crate::cut::Mode;
use crate::redis::{Commands, Conversation, Replies, lock};
use crate::toxic::{Direction, Toxic};
use crate::toxics::End;

/// So many small pieces that passed straight on make a connection worth relaying.
const WORTH_RELAYING: u32 = 32;
/// How much more it takes each time after the relaying was obstructed.
const WORTH_LESS: u32 = 8;

/// A client, its server, and what is between them. The future is ready when the connection ends,
/// or should be relayed.
pub(super) struct Connection {
    client: TcpStream,
    server: TcpStream,
    between: Between,
}

/// What is between a client and its server.
struct Between {
    control: Arc<Control>,
    live: Arc<Live>,
    peer: IpAddr,
    up: Link,
    down: Link,
    /// Followed if the proxy had a redis toxic when the connection was opened.
    conversation: Option<Arc<Mutex<Conversation>>>,
    frozen: Option<Mode>,
    timer: Option<Pin<Box<Sleep>>>,
    last_notice: Option<Notice>,
    /// How many pieces must pass straight on before the connection is relayed; none: never.
    relay_after: Option<u32>,
}

/// Whether a connection goes on.
#[derive(PartialEq)]
pub(super) enum Fate {
    Lives,
    Ends,
}

impl Connection {
    /// A connection that obeys the settings from its first byte on.
    pub(super) fn new(
        registered: &Registered,
        peer: IpAddr,
        client: TcpStream,
        server: TcpStream,
    ) -> Connection {
        let Registered { control, settings, seed, live, .. } = registered;
        let mut between = Between {
            control: Arc::clone(control),
            live: Arc::clone(live),
            peer,
            up: Link::new(Direction::Upstream, *seed, Arc::clone(&live.up)),
            down: Link::new(Direction::Downstream, *seed, Arc::clone(&live.down)),
            frozen: settings.cut.mode_for(peer),
            conversation: None,
            timer: None,
            last_notice: None,
            relay_after: live.may_relay.then_some(WORTH_RELAYING),
        };
        let is_followed =
            |toxic: &Arc<Toxic>| toxic.acts_on_commands() && toxic.scope.concerns(peer);
        if settings.toxics.iter().any(is_followed) {
            between.converse(*seed);
        }
        between.take_up(settings);
        Connection { client, server, between }
    }

    /// Carries the connection to its end.
    pub(super) async fn run(mut self) {
        while (&mut self).await == Fate::Lives {
            let Some((back, notice)) = self.relay().await else { return };
            self = back;
            if notice.is_some_and(|notice| self.obey(notice) == Fate::Ends) {
                return;
            }
        }
    }

    /// Has the connection relayed until that ends or there are new settings; none if it is lost.
    async fn relay(self) -> Option<(Connection, Option<Notice>)> {
        let Connection { client, server, mut between } = self;
        let (client, server) = (client.into_std().ok()?, server.into_std().ok()?);
        let (up, down) = (Arc::clone(&between.live.up), Arc::clone(&between.live.down));
        let mut relayed = Relayed::begin(Plain { client, server, up, down }).ok()?;
        let _counted = Counted::among(&between.live);
        let (back, notice) = tokio::select! {
            back = relayed.back() => (back?, None),
            notice = between.control.notice() => {
                relayed.recall();
                (relayed.back().await?, Some(notice))
            }
        };
        let Back { client, server, up, down, was_obstructed } = back;
        if was_obstructed {
            let after = between.relay_after;
            between.relay_after = after.map(|after| after.saturating_mul(WORTH_LESS));
        }
        between.up.resume(up);
        between.down.resume(down);
        let (client, server) = (from_std(client)?, from_std(server)?);
        Some((Connection { client, server, between }, notice))
    }

    fn obey(&mut self, notice: Notice) -> Fate {
        let settings = Arc::clone(&notice.settings);
        if notice.closing {
            // Kept until the sockets are dropped, so that a close is in force when it is done.
            self.between.last_notice = Some(notice);
            return Fate::Ends;
        }
        let cut = settings.cut.mode_for(self.between.peer);
        let healed = self.between.frozen.is_some() && cut.is_none();
        let lossy = self.between.frozen == Some(Mode::Drop);
        if cut == Some(Mode::Reset) || (healed && lossy && self.lost_bytes()) {
            return self.reset();
        }
        self.between.frozen = cut;
        self.between.take_up(&settings);
        Fate::Lives
    }

    /// Whether anything was sent, or closed, that the other side has not got.
    fn lost_bytes(&self) -> bool {
        let links = self.between.up.holds_bytes() || self.between.down.holds_bytes();
        links || has_news(&self.client) || has_news(&self.server)
    }

    fn reset(&self) -> Fate {
        // A socket that takes no option is dead already.
        let _ = reset_on_drop(&self.client);
        let _ = reset_on_drop(&self.server);
        Fate::Ends
    }

    /// Carries both directions as far as they go now; returns when to look again.
    fn carry(&mut self, context: &mut Context<'_>) -> Result<Option<Instant>, Fate> {
        let Connection { client, server, between: Between { up, down, conversation, .. } } = self;
        let is_full = || conversation.as_ref().is_some_and(|both| lock(both).is_full());
        loop {
            let up_due = up.carry(context, client, server);
            let was_full = is_full();
            let down_due = down.carry(context, server, client);
            match (up.finished(), down.finished()) {
                (Some(End::Reset), _) | (_, Some(End::Reset)) => return Err(self.reset()),
                (Some(_), Some(_)) => return Err(Fate::Ends),
                // A toxic closes both ways, once what the other direction holds has arrived.
                (Some(End::Close), None) if down.end_source(End::Close) => {}
                (None, Some(End::Close)) if up.end_source(End::Close) => {}
                // Replies have made room for commands.
                (None, None) if was_full && !is_full() => {}
                _ => return Ok(up_due.into_iter().chain(down_due).min()),
            }
        }
    }
}

impl Between {
    /// Follows the conversation from here on.
    fn converse(&mut self, seed: u64) {
        let untouched = Arc::clone(&self.live.untouched);
        let conversation = Arc::new(Mutex::new(Conversation::new(seed, untouched)));
        self.up.converse(Box::new(Commands::new(Arc::clone(&conversation))));
        self.down.converse(Box::new(Replies::new(Arc::clone(&conversation))));
        self.conversation = Some(conversation);
    }

    fn take_up(&mut self, settings: &Settings) {
        let concerns = |toxic: &&Arc<Toxic>| toxic.scope.concerns(self.peer);
        let ours: Vec<Arc<Toxic>> = settings.toxics.iter().filter(concerns).cloned().collect();
        if let Some(conversation) = &self.conversation {
            let toxics = ours.iter().map(Arc::as_ref);
            lock(conversation).set_rules(toxics.filter(|toxic| toxic.acts_on_commands()));
        }
        self.up.reconcile(&ours);
        self.down.reconcile(&ours);
    }

    /// Whether so much has passed straight on that the connection should be relayed.
    fn is_worth_relaying(&mut self) -> bool {
        let Some(after) = self.relay_after else { return false };
        let (Some(up), Some(down)) = (self.up.straight(), self.down.straight()) else {
            return false;
        };
        if up.saturating_add(down) < after {
            return false;
        }
        if !relay::is_available() {
            self.relay_after = None;
        }
        self.relay_after.is_some()
    }

    /// Arms the timer; ready if the time has come already.
    fn wait_until(&mut self, context: &mut Context<'_>, due: Option<Instant>) -> Poll<()> {
        let Some(due) = due else {
            self.timer = None;
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if timer.deadline() != due {
            timer.as_mut().reset(due);
        }
        timer.as_mut().poll(context)
    }
}

impl Future for Connection {
    /// That it lives means that it is worth relaying.
    type Output = Fate;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Fate> {
        let this = self.get_mut();
        while let Poll::Ready(notice) = this.between.control.poll_notice(context) {
            if this.obey(notice) == Fate::Ends {
                return Poll::Ready(Fate::Ends);
            }
        }
        while this.between.frozen.is_none() {
            let Ok(due) = this.carry(context) else { return Poll::Ready(Fate::Ends) };
            if this.between.is_worth_relaying() {
                return Poll::Ready(Fate::Lives);
            }
            if this.between.wait_until(context, due).is_pending() {
                break;
            }
        }
        Poll::Pending
    }
}

/// A connection that counts as relayed.
struct Counted(Arc<Live>);

impl Counted {
    fn among(live: &Arc<Live>) -> Counted {
        live.relayed.fetch_add(1, Ordering::Relaxed);
        Counted(Arc::clone(live))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.relayed.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A socket of the runtime again; none if the runtime has no room for it.
fn from_std(socket: std::net::TcpStream) -> Option<TcpStream> {
    let socket = TcpStream::from_std(socket);
    socket.inspect_err(|error| tracing::warn!(%error, "a relayed connection is lost")).ok()
}

/// Whether the socket has bytes, an end or an error that nobody has read.
pub(super) fn has_news(socket: &TcpStream) -> bool {
    let mut byte = [std::mem::MaybeUninit::uninit(); 1];
    match socket2::SockRef::from(socket).peek(&mut byte) {
        Ok(_) => true,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    }
}
