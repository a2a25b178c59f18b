//! What a command's sender is given for its decision: the bytes of an answer, or the outcome itself.

use crate::answer::Answer;
use crate::refusal::Refusal;

/// Makes a response of each decision of a command, while its streams are locked. The sender is given the response to
/// the decision that is written.
pub(crate) trait Respond<O>: Send + Sync + 'static {
    type Response: Send + 'static;

    fn respond(&self, outcome: Result<O, Refusal>) -> Self::Response;

    /// What is recorded under an idempotency key.
    fn recordable(response: &Self::Response) -> Option<&Answer>;
}

/// The answer that a function makes of the outcome.
pub(crate) struct AsAnswer<F>(pub(crate) F);

/// The outcome as it is.
pub(crate) struct AsOutcome;

impl<O, F> Respond<O> for AsAnswer<F>
where
    F: Fn(Result<&O, &Refusal>) -> Answer + Send + Sync + 'static,
{
    type Response = Answer;

    fn respond(&self, outcome: Result<O, Refusal>) -> Answer {
        (self.0)(outcome.as_ref())
    }

    fn recordable(answer: &Answer) -> Option<&Answer> {
        Some(answer)
    }
}

impl<O: Send + 'static> Respond<O> for AsOutcome {
    type Response = Result<O, Refusal>;

    fn respond(&self, outcome: Result<O, Refusal>) -> Result<O, Refusal> {
        outcome
    }

    fn recordable(_: &Result<O, Refusal>) -> Option<&Answer> {
        None
    }
}
