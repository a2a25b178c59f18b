//! Clients that are always busy.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

/// Caches and connections settle before anything counts.
pub(crate) const WARM_UP: Duration = Duration::from_secs(1);

/// Completed appends a second when every client begins its next append as soon as its last one has ended. `append`
/// returns whether it succeeded; those that end within `duration` count.
pub(crate) async fn closed_loop<Append, Ended>(
    clients: usize,
    duration: Duration,
    append: Append,
) -> anyhow::Result<f64>
where
    Append: Fn() -> Ended + Clone + Send + 'static,
    Ended: Future<Output = anyhow::Result<bool>> + Send,
{
    let begin = Instant::now() + WARM_UP;
    let end = begin + duration;
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let append = append.clone();
        tasks.spawn(async move {
            let mut counted: u64 = 0;
            while Instant::now() < end {
                let came_about = append().await?;
                let ended_at = Instant::now();
                counted += u64::from(came_about && ended_at >= begin && ended_at < end);
            }
            anyhow::Ok(counted)
        });
    }
    let mut counted = 0;
    while let Some(client) = tasks.join_next().await {
        counted += client??;
    }
    Ok(counted as f64 / duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn counts_what_came_about_after_the_warm_up() {
        let append = || async {
            sleep(Duration::from_millis(10)).await;
            Ok(true)
        };
        let rate = closed_loop(3, Duration::from_secs(2), append)
            .await
            .unwrap();
        assert!((rate - 300.0).abs() <= 3.0, "{rate}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_did_not_come_about_is_not_counted() {
        let append = || async {
            sleep(Duration::from_millis(10)).await;
            Ok(false)
        };
        assert_eq!(
            closed_loop(3, Duration::from_secs(1), append)
                .await
                .unwrap(),
            0.0
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_fails_fails_the_measurement() {
        let append = || async { anyhow::bail!("refused") };
        assert!(
            closed_loop(3, Duration::from_secs(1), append)
                .await
                .is_err()
        );
    }
}
