//! What a connection is doing, and the time limits for it.
//!
//! hyper has one limit for both an idle connection and a head that trickles in, none for an answer that the client does
//! not read, and none before it knows which version of HTTP a client speaks. So all of them are enforced here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Version;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use super::limits::ConnectionLimits;

/// The time limit that a connection has exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exceeded {
    Idle,
    SlowHead,
    Stalled,
}

pub(super) struct Activity {
    limits: ConnectionLimits,
    state: Mutex<State>,
}

struct State {
    multiplexed: bool,
    /// Requests that are being answered.
    serving: usize,
    /// When the last of them was answered, or the connection opened.
    rested_at: Instant,
    /// When the first byte of the next request came in.
    head_began_at: Option<Instant>,
    /// Since when the socket accepts no more bytes.
    blocked_at: Option<Instant>,
    /// Streams of HTTP/2 whose next part was not asked for since a part was handed over, with the instant of that:
    /// their clients' flow control does not allow to send it.
    untaken: HashMap<u64, Instant>,
    next_stream: u64,
}

impl Activity {
    pub(super) fn new(limits: ConnectionLimits) -> Arc<Activity> {
        let state = State {
            multiplexed: false,
            serving: 0,
            rested_at: Instant::now(),
            head_began_at: None,
            blocked_at: None,
            untaken: HashMap::new(),
            next_stream: 0,
        };
        Arc::new(Activity {
            limits,
            state: Mutex::new(state),
        })
    }

    /// From now on the bytes received may be something other than the next request's head.
    pub(super) fn multiplexed(&self) {
        self.state.lock().multiplexed = true;
    }

    /// Starts the idle time anew.
    pub(super) fn rest(&self) {
        self.state.lock().rest();
    }

    pub(super) fn received(&self) {
        let mut state = self.state.lock();
        if state.serving == 0 && state.head_began_at.is_none() {
            state.head_began_at = Some(Instant::now());
        }
    }

    pub(super) fn blocked(&self, blocked: bool) {
        self.state.lock().blocked_at = blocked.then(Instant::now);
    }

    /// A request's head has arrived. The request counts as being answered until the returned value is dropped.
    pub(super) fn serve(self: &Arc<Activity>, version: Version) -> Serving {
        let mut state = self.state.lock();
        state.multiplexed = version == Version::HTTP_2;
        state.serving += 1;
        state.head_began_at = None;
        state.next_stream += 1;
        Serving {
            stream: state.next_stream,
            multiplexed: state.multiplexed,
            untaken: false,
            activity: Arc::clone(self),
        }
    }

    /// Returns when one of the connection's time limits is exceeded.
    pub(super) async fn exceeded(&self) -> Exceeded {
        // Whatever begins during this sleep has at least as much time.
        let shortest = self
            .limits
            .head
            .min(self.limits.idle)
            .min(self.limits.stall);
        loop {
            let now = Instant::now();
            let ending = self.state.lock().ending(&self.limits);
            match ending {
                Some((exceeded, at)) if at <= now => return exceeded,
                Some((_, at)) => sleep_until(at.min(now + shortest)).await,
                None => sleep_until(now + shortest).await,
            }
        }
    }
}

impl State {
    fn rest(&mut self) {
        self.rested_at = Instant::now();
        self.head_began_at = None;
    }

    /// The limit that will be exceeded first, and when.
    fn ending(&self, limits: &ConnectionLimits) -> Option<(Exceeded, Instant)> {
        let after = |exceeded, limit: Duration| move |began: Instant| (exceeded, began + limit);
        let untaken = self.untaken.values().min().copied();
        let stalled = [self.blocked_at, untaken].into_iter().flatten();
        let resting = (self.serving == 0).then_some(self.rested_at);
        // A client that speaks HTTP/2 also sends bytes that are not part of a request.
        let head = self.head_began_at.filter(|_| !self.multiplexed);
        stalled
            .map(after(Exceeded::Stalled, limits.stall))
            .chain(head.map(after(Exceeded::SlowHead, limits.head)))
            // A connection on which a head has begun is not idle.
            .chain(
                resting
                    .filter(|_| head.is_none())
                    .map(after(Exceeded::Idle, limits.idle)),
            )
            .min_by_key(|(_, at)| *at)
    }
}

/// A request that is being answered.
pub(super) struct Serving {
    activity: Arc<Activity>,
    stream: u64,
    multiplexed: bool,
    untaken: bool,
}

impl Serving {
    /// A part of the answer was handed over, and it is not the last one. For HTTP/1.1 the socket tells whether the
    /// client reads it.
    pub(super) fn handed_over(&mut self) {
        if self.multiplexed {
            self.untaken = true;
            let mut state = self.activity.state.lock();
            state.untaken.insert(self.stream, Instant::now());
        }
    }

    /// The connection asked for the next part.
    pub(super) fn asked(&mut self) {
        if self.untaken {
            self.untaken = false;
            self.activity.state.lock().untaken.remove(&self.stream);
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.asked();
        let mut state = self.activity.state.lock();
        state.serving -= 1;
        if state.serving == 0 {
            state.rest();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: fn() -> ConnectionLimits = || ConnectionLimits {
        head: Duration::from_secs(10),
        idle: Duration::from_secs(75),
        stall: Duration::from_secs(30),
        ..ConnectionLimits::default()
    };

    /// The limit that is exceeded and after how many seconds, on a clock that jumps to the end of each sleep.
    async fn over(activity: &Activity, since: Instant) -> (u64, Exceeded) {
        let exceeded = activity.exceeded().await;
        (since.elapsed().as_secs(), exceeded)
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_rests_as_long_as_it_may_and_no_longer() {
        let activity = Activity::new(LIMITS());
        let start = Instant::now();
        assert_eq!(over(&activity, start).await, (75, Exceeded::Idle));
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_its_time_from_its_first_byte_however_late_that_comes() {
        let activity = Activity::new(LIMITS());
        let start = Instant::now();
        let trickling = async {
            for _ in 0..20 {
                sleep_until(Instant::now() + Duration::from_secs(70)).await;
                activity.received();
                activity.received();
            }
        };
        tokio::select! {
            over = over(&activity, start) => assert_eq!(over, (80, Exceeded::SlowHead)),
            () = trickling => panic!("went on for ever"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_being_answered_counts_as_neither() {
        let activity = Activity::new(LIMITS());
        let start = Instant::now();
        activity.received();
        let serving = activity.serve(Version::HTTP_11);
        let answering = async {
            sleep_until(start + Duration::from_secs(500)).await;
            activity.received();
            drop(serving);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            over = over(&activity, start) => assert_eq!(over, (575, Exceeded::Idle)),
            () = answering => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_takes_nothing_has_stalled() {
        let activity = Activity::new(LIMITS());
        let start = Instant::now();
        let _serving = activity.serve(Version::HTTP_11);
        activity.blocked(true);
        assert_eq!(over(&activity, start).await, (30, Exceeded::Stalled));
        activity.blocked(false);
        activity.blocked(true);
        assert_eq!(over(&activity, start).await, (60, Exceeded::Stalled));
    }

    #[tokio::test(start_paused = true)]
    async fn one_of_several_streams_that_is_not_taken_has_stalled() {
        let activity = Activity::new(LIMITS());
        let start = Instant::now();
        let mut taken = activity.serve(Version::HTTP_2);
        let mut untaken = activity.serve(Version::HTTP_2);
        taken.handed_over();
        untaken.handed_over();
        taken.asked();
        assert_eq!(over(&activity, start).await, (30, Exceeded::Stalled));
        drop(untaken);
        drop(taken);
        assert_eq!(over(&activity, start).await, (105, Exceeded::Idle));
    }

    #[tokio::test(start_paused = true)]
    async fn what_http_2_sends_beside_requests_is_no_head() {
        let activity = Activity::new(LIMITS());
        let start = Instant::now();
        activity.multiplexed();
        activity.received();
        assert_eq!(over(&activity, start).await, (75, Exceeded::Idle));
    }
}
