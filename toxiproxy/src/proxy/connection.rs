//! A connection through a proxy: both directions in one task, which never waits for one thing only.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::control::{Control, Notice, Settings};
use super::link::{Link, reset_on_drop};
use super::live::Registered;
use crate::cut::Mode;
use crate::redis::{Commands, Conversation, Replies};
use crate::toxic::{Direction, Toxic};
use crate::toxics::End;

/// A client, its server, and what is between them. The future ends when the connection does.
pub(super) struct Connection {
    control: Arc<Control>,
    peer: IpAddr,
    client: TcpStream,
    server: TcpStream,
    up: Link,
    down: Link,
    /// Followed if the proxy had a redis toxic when the connection was opened.
    conversation: Option<Arc<Mutex<Conversation>>>,
    frozen: Option<Mode>,
    timer: Option<Pin<Box<Sleep>>>,
    last_notice: Option<Notice>,
}

/// Whether a connection goes on.
#[derive(PartialEq)]
enum Fate {
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
        let mut connection = Connection {
            control: Arc::clone(control),
            peer,
            client,
            server,
            up: Link::new(Direction::Upstream, *seed, Arc::clone(&live.up)),
            down: Link::new(Direction::Downstream, *seed, Arc::clone(&live.down)),
            frozen: settings.cut.mode_for(peer),
            conversation: None,
            timer: None,
            last_notice: None,
        };
        let is_followed =
            |toxic: &Arc<Toxic>| toxic.acts_on_commands() && toxic.scope.concerns(peer);
        if settings.toxics.iter().any(is_followed) {
            let untouched = Arc::clone(&live.untouched);
            let conversation = Arc::new(Mutex::new(Conversation::new(*seed, untouched)));
            connection.up.converse(Box::new(Commands::new(Arc::clone(&conversation))));
            connection.down.converse(Box::new(Replies::new(Arc::clone(&conversation))));
            connection.conversation = Some(conversation);
        }
        connection.take_up(settings);
        connection
    }

    fn take_up(&mut self, settings: &Settings) {
        let concerns = |toxic: &&Arc<Toxic>| toxic.scope.concerns(self.peer);
        let ours: Vec<Arc<Toxic>> = settings.toxics.iter().filter(concerns).cloned().collect();
        if let Some(conversation) = &self.conversation {
            let toxics = ours.iter().map(Arc::as_ref);
            let mut conversation = conversation.lock().unwrap_or_else(PoisonError::into_inner);
            conversation.set_rules(toxics.filter(|toxic| toxic.acts_on_commands()));
        }
        self.up.reconcile(&ours);
        self.down.reconcile(&ours);
    }

    fn obey(&mut self, notice: Notice) -> Fate {
        let settings = Arc::clone(&notice.settings);
        if notice.closing {
            // Kept until the sockets are dropped, so that a close is in force when it is done.
            self.last_notice = Some(notice);
            return Fate::Ends;
        }
        let cut = settings.cut.mode_for(self.peer);
        let healed = self.frozen.is_some() && cut.is_none();
        let lossy = self.frozen == Some(Mode::Drop);
        if cut == Some(Mode::Reset) || (healed && lossy && self.lost_bytes()) {
            return self.reset();
        }
        self.frozen = cut;
        self.take_up(&settings);
        Fate::Lives
    }

    /// Whether anything was sent, or closed, that the other side has not got.
    fn lost_bytes(&self) -> bool {
        let links = self.up.holds_bytes() || self.down.holds_bytes();
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
        loop {
            let up = self.up.carry(context, &mut self.client, &mut self.server);
            let down = self.down.carry(context, &mut self.server, &mut self.client);
            match (self.up.finished(), self.down.finished()) {
                (Some(End::Reset), _) | (_, Some(End::Reset)) => return Err(self.reset()),
                (Some(_), Some(_)) => return Err(Fate::Ends),
                // A toxic closes both ways, once what the other direction holds has arrived.
                (Some(End::Close), None) if self.down.end_source(End::Close) => {}
                (None, Some(End::Close)) if self.up.end_source(End::Close) => {}
                _ => return Ok(up.into_iter().chain(down).min()),
            }
        }
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
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        while let Poll::Ready(notice) = this.control.poll_notice(context) {
            if this.obey(notice) == Fate::Ends {
                return Poll::Ready(());
            }
        }
        while this.frozen.is_none() {
            let Ok(due) = this.carry(context) else { return Poll::Ready(()) };
            if this.wait_until(context, due).is_pending() {
                break;
            }
        }
        Poll::Pending
    }
}

/// Whether the socket has bytes, an end or an error that nobody has read.
pub(super) fn has_news(socket: &TcpStream) -> bool {
    let mut byte = [std::mem::MaybeUninit::uninit(); 1];
    match socket2::SockRef::from(socket).peek(&mut byte) {
        Ok(_) => true,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    }
}
