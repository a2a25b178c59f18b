//! The pauses between attempts at something that fails.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Pauses that double from the first to the longest.
#[derive(Clone, Debug)]
pub struct Backoff {
    /// Before the first attempt after a success.
    start: Duration,
    first: Duration,
    longest: Duration,
    pause: Duration,
}

/// What suits a task that nobody waits for: from a tenth of a second to five seconds.
impl Default for Backoff {
    fn default() -> Backoff {
        Backoff::new(Duration::from_millis(100), Duration::from_secs(5))
    }
}

impl Backoff {
    /// Where both are the same, so is every pause.
    pub const fn new(first: Duration, longest: Duration) -> Backoff {
        Backoff {
            start: first,
            first,
            longest,
            pause: first,
        }
    }

    /// Has the first attempt made at once: it mends what a restart broke.
    pub const fn at_once(mut self) -> Backoff {
        self.start = Duration::ZERO;
        self.pause = Duration::ZERO;
        self
    }

    /// How long to wait before the next attempt.
    pub fn pause(&self) -> Duration {
        self.pause
    }

    /// Another attempt has failed: the pause after this one is longer.
    pub fn lengthen(&mut self) {
        self.pause = (self.pause * 2).clamp(self.first, self.longest);
    }

    /// An attempt has succeeded: pauses are short again.
    pub fn reset(&mut self) {
        self.pause = self.start;
    }

    /// Waits for as long as the pause is, unless `shutdown` comes first, and lengthens it.
    pub async fn wait(&mut self, shutdown: &CancellationToken) {
        let _ = shutdown.run_until_cancelled(sleep(self.pause)).await;
        self.lengthen();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses_in_ms(backoff: &mut Backoff, count: usize) -> Vec<u128> {
        let pause = |_| {
            let pause = backoff.pause().as_millis();
            backoff.lengthen();
            pause
        };
        (0..count).map(pause).collect()
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_are_short_again_after_a_success() {
        let mut backoff = Backoff::default();
        let doubling = [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000];
        assert_eq!(pauses_in_ms(&mut backoff, 8), doubling);
        backoff.reset();
        assert_eq!(pauses_in_ms(&mut backoff, 8), doubling);
    }

    #[test]
    fn the_first_attempt_may_follow_at_once() {
        let [first, longest] = [20, 1_000].map(Duration::from_millis);
        let mut backoff = Backoff::new(first, longest).at_once();
        let doubling = [0, 20, 40, 80, 160, 320, 640, 1_000, 1_000];
        assert_eq!(pauses_in_ms(&mut backoff, 9), doubling);
        backoff.reset();
        assert_eq!(pauses_in_ms(&mut backoff, 9), doubling);
    }

    #[test]
    fn pauses_may_all_be_the_same() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(1));
        assert_eq!(pauses_in_ms(&mut backoff, 3), [1_000; 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_with_the_pause_or_with_the_shutdown() {
        let shutdown = CancellationToken::new();
        let mut backoff = Backoff::default();
        let begun = tokio::time::Instant::now();
        backoff.wait(&shutdown).await;
        backoff.wait(&shutdown).await;
        assert_eq!(begun.elapsed().as_millis(), 300);
        shutdown.cancel();
        backoff.wait(&shutdown).await;
        assert_eq!(begun.elapsed().as_millis(), 300);
    }
}
